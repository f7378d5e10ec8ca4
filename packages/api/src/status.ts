import { DESTINATION_STATES, holdSchema } from '@tidemark/core';
import * as z from 'zod';
import { countSchema, list, positionSchema, revisionSchema, timeSchema } from './values.js';

/** Who ordered something, and when. */
const orderedBy = {
  by: z.string().describe('`user@host`, as the caller says.'),
  at: timeSchema,
};

export const pauseSchema = z.object(orderedBy);
export type Pause = z.output<typeof pauseSchema>;

export const resyncOrderSchema = z.object({ id: z.string(), ...orderedBy });

const foreignWritesSchema = z
  .object({
    count: countSchema,
    last: timeSchema.nullable().describe('Null when there was none.'),
    keys: list(z.string()).describe('Keys of the last ones, printable.'),
  })
  .describe('Writes by others where only this pipeline should write, since this owner took over.');
export type ForeignWrites = z.output<typeof foreignWritesSchema>;

const verifiedSchema = z.object({
  at: timeSchema,
  revision: revisionSchema,
  drift: countSchema.describe('Keys that differed.'),
});
export type Verified = z.output<typeof verifiedSchema>;

/** One destination as its owner sees it. */
const destinationReportSchema = z.object({
  name: z.string(),
  kind: z.string(),
  owner: z.string().nullable(),
  state: z.enum(DESTINATION_STATES),
  generation: z.int().min(0),
  revision: revisionSchema,
  lagRevisions: countSchema,
  lagSeconds: z.number(),
  headroomSeconds: z
    .number()
    .nullable()
    .describe(
      'Until retention of the journal removes what it needs next; null before the journal was seen, or without limit.',
    ),
  since: timeSchema.describe('Since when it is in this state.'),
  reason: z.string().nullable(),
  hold: holdSchema.nullable().describe('Null unless held.'),
  appliedTransactions: countSchema,
  appliedChanges: countSchema,
  foreignWrites: foreignWritesSchema,
  verified: verifiedSchema.nullable().describe('The last comparison under this owner; null when there was none.'),
  deviations: list(z.string()).describe('Settings of the destination that should be changed.'),
});
export type DestinationReport = z.output<typeof destinationReportSchema>;

export const placedDestinationSchema = destinationReportSchema
  .extend({
    preferredOwner: z
      .string()
      .nullable()
      .describe('The node that should own it, of those that are up; null when no worker is up.'),
    pause: pauseSchema
      .nullable()
      .describe('Who ordered a pause; null when nobody did. It is in force when the state is `paused`.'),
  })
  .describe('A destination, and the node that should own it.');
export type PlacedDestination = z.output<typeof placedDestinationSchema>;

const hopHealthSchema = z.object({
  hop: z.string(),
  reachable: z.boolean(),
  reason: z.string().nullable().describe('Null when reachable.'),
  remedy: z.string().nullable(),
  since: z.number().describe('Milliseconds since the epoch of the last change between reachable and not.'),
});
export type HopHealth = z.output<typeof hopHealthSchema>;

export const readinessSchema = z
  .object({ ready: z.boolean(), hops: list(hopHealthSchema) })
  .describe('The peers that the node needs, as it last saw them.');
export type Readiness = z.output<typeof readinessSchema>;

const leaderReportSchema = z.object({
  term: z.int(),
  since: timeSchema,
  sourceRevision: revisionSchema,
  journal: positionSchema.nullable(),
  headroomRevisions: countSchema.describe(
    'Revisions between the newest journaled one and the newest compacted one at the source.',
  ),
});
export type LeaderReport = z.output<typeof leaderReportSchema>;

const journalStatusSchema = z.object({
  id: z.string(),
  generation: z.int().min(0).nullable(),
  revision: revisionSchema.nullable(),
  bytes: countSchema,
  firstSequence: countSchema,
  lastSequence: countSchema,
  deviations: list(z.string()).describe('Settings that differ from the configuration.'),
});
export type JournalStatus = z.output<typeof journalStatusSchema>;

export const nodeStatusSchema = z
  .object({
    id: z.string(),
    listen: z.string(),
    version: z.string(),
    roles: list(z.string()),
    ready: z.boolean(),
    hops: list(hopHealthSchema),
    leader: leaderReportSchema.nullable().describe('Null unless this node leads.'),
    source: z.object({ revision: revisionSchema.nullable() }),
    journal: journalStatusSchema.nullable(),
    destinations: list(destinationReportSchema).describe('The destinations that this node owns.'),
  })
  .describe('What one node knows of itself.');
export type NodeStatus = z.output<typeof nodeStatusSchema>;

const nodeSummarySchema = z.object({
  id: z.string(),
  listen: z.string(),
  roles: list(z.string()),
  version: z.string().nullable(),
  reachable: z.boolean(),
  ready: z.boolean(),
  problems: list(z.string()).describe('What is wrong, as sentences; empty when nothing is.'),
});
/** A node of the pipeline as another node sees it. */
export type NodeSummary = z.output<typeof nodeSummarySchema>;

export const pipelineStatusSchema = z
  .object({
    pipeline: z.string(),
    leader: z.object({ node: z.string(), term: z.int(), since: timeSchema }).nullable(),
    nodes: list(nodeSummarySchema),
    source: z.object({ revision: revisionSchema.nullable(), headroomRevisions: countSchema.nullable() }),
    journal: journalStatusSchema.nullable(),
    destinations: list(placedDestinationSchema),
  })
  .describe('The whole pipeline, as `tidemark status -o json` prints it.');
export type PipelineStatus = z.output<typeof pipelineStatusSchema>;
