import * as z from 'zod';
import { positionSchema } from './position.js';

/** What can hold a destination: `tidemark_brake_holds_total{brake}`, status and documents use the same words. */
export const BRAKE_NAMES = [
  'deletes',
  'delete_percent',
  'backlog_age',
  'backlog_changes',
  'rewound',
  'filter',
] as const;
export type BrakeName = (typeof BRAKE_NAMES)[number];

/** Why a destination waits until somebody approves, as stored in the coordination etcd and shown by the API. */
export const holdSchema = z
  .object({
    id: z.string().describe('Names exactly what would happen: an approval is for one id and for nothing newer.'),
    brake: z.enum(BRAKE_NAMES),
    evidence: z.string().describe("What was seen; no keys' values."),
    upTo: positionSchema
      .nullable()
      .describe("An approval releases the journal's changes up to here; null when the hold is for a resync."),
    deletes: z
      .int()
      .min(0)
      .nullable()
      .describe('For a resync: the most keys that an approval lets it delete; null when the hold is for changes.'),
    since: z.string().describe('RFC 3339.'),
  })
  .describe('What a destination waits for approval of.');
export type Hold = Readonly<z.output<typeof holdSchema>>;
