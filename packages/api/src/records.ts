import { type Change, hasPrefix, type JournalRecord, RESET_REASONS } from '@tidemark/core';
import * as z from 'zod';
import { snapshotSchema } from './journal.js';
import { bytesToJson, jsonBytesSchema, list, revisionSchema, timeSchema } from './values.js';

const changeSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('delete'), key: jsonBytesSchema }),
  z.object({
    kind: z.literal('put'),
    key: jsonBytesSchema,
    value: jsonBytesSchema,
    createRevision: revisionSchema,
    version: z.int().min(0),
    lease: z.string().describe('A 64-bit number, so text; "0" is none.'),
  }),
]);
type ChangeLine = z.output<typeof changeSchema>;

const common = {
  generation: z.int().min(0),
  term: z.int(),
  previous: revisionSchema.describe('Revision of the record before.'),
  revision: revisionSchema,
  time: timeSchema,
};

/** One record as a line of `tidemark journal cat -o json`. */
export const recordSchema = z
  .discriminatedUnion('kind', [
    z.object({
      kind: z.literal('batch'),
      ...common,
      notBefore: timeSchema
        .nullable()
        .describe('Set when the entries were read from history: they happened after this and before `time`.'),
      entries: list(z.object({ revision: revisionSchema, changes: list(changeSchema) })),
    }),
    z.object({
      kind: z.literal('reset'),
      ...common,
      reason: z.enum(RESET_REASONS),
      evidence: z.string(),
      clusterId: z.string(),
      snapshot: snapshotSchema,
    }),
    z.object({ kind: z.literal('snapshot'), ...common, snapshot: snapshotSchema }),
    z.object({ kind: z.literal('term'), ...common, node: z.string() }),
    z.object({ kind: z.literal('progress'), ...common }),
  ])
  .describe('One record of the journal.');
export type RecordLine = z.output<typeof recordSchema>;

function changeToJson(change: Change): ChangeLine {
  const key = bytesToJson(change.key);
  if (change.kind === 'delete') return { kind: 'delete', key };
  const { value, createRevision, version, lease } = change;
  return { kind: 'put', key, value: bytesToJson(value), createRevision, version, lease: lease.toString() };
}

/** `prefix` leaves out changes of other keys. */
export function recordToJson(record: JournalRecord, prefix: Buffer): RecordLine {
  const { generation, term, previous, revision, time: at } = record;
  const chain = { generation, term, previous, revision, time: new Date(at).toISOString() };
  switch (record.kind) {
    case 'batch':
      return {
        kind: record.kind,
        ...chain,
        notBefore: record.notBefore === null ? null : new Date(record.notBefore).toISOString(),
        entries: record.entries.map(({ revision: ofEntry, changes }) => ({
          revision: ofEntry,
          changes: changes.filter(({ key }) => hasPrefix(key, prefix)).map(changeToJson),
        })),
      };
    case 'reset':
      return {
        kind: record.kind,
        ...chain,
        reason: record.reason,
        evidence: record.evidence,
        clusterId: record.anchor.clusterId,
        snapshot: record.snapshot,
      };
    case 'snapshot':
      return { kind: record.kind, ...chain, snapshot: record.snapshot };
    case 'term':
      return { kind: record.kind, ...chain, node: record.node };
    case 'progress':
      return { kind: record.kind, ...chain };
    default:
      return record satisfies never;
  }
}
