import * as z from 'zod';
import { type Position, positionSchema } from './position.js';

/** What can hold a destination; the same words stand in `tidemark_brake_holds_total{brake}`, status and documents. */
export const BRAKE_NAMES = [
  'deletes',
  'delete_percent',
  'backlog_age',
  'backlog_changes',
  'rewound',
  'filter',
] as const;
export type BrakeName = (typeof BRAKE_NAMES)[number];

/** Why a destination waits until somebody approves. */
export interface Hold {
  /** Names exactly what would happen: an approval is for one id and for nothing newer. */
  readonly id: string;
  readonly brake: BrakeName;
  /** What was seen; no keys' values. */
  readonly evidence: string;
  /** An approval lets go the journal's changes up to here; null when the hold is for a resync, which is no changes. */
  readonly upTo: Position | null;
  /** For a resync: an approval lets it delete this many keys at most. Null when the hold is for changes. */
  readonly deletes: number | null;
  /** RFC 3339. */
  readonly since: string;
}

/** As it stands in the coordination etcd and in the API. */
export const holdSchema: z.ZodType<Hold> = z.object({
  id: z.string(),
  brake: z.enum(BRAKE_NAMES),
  evidence: z.string(),
  upTo: positionSchema.nullable(),
  deletes: z.number().nullable(),
  since: z.string(),
});
