import * as z from 'zod';

/**
 * A point in the source's history that a copy has reached.
 *
 * `generation` is a stretch of unbroken source history; it grows when history was lost or rewound, so that an equal
 * revision number of another history is never mistaken for ours. `revision` is the source store's revision
 * (mod_revision of the last change that is covered). Revisions are numbers, not BigInt: etcd's int64 is checked to be a
 * safe integer where it enters (see docs/decisions/0003-revisions-are-numbers.md).
 */
export interface Position {
  readonly generation: number;
  readonly revision: number;
}

/** As stored in JSON. */
export const positionSchema = z.object({ generation: z.number(), revision: z.number() });

/** Negative when `a` is before `b`, 0 when equal, positive when after. Generation decides first. */
export function comparePositions(a: Position, b: Position): number {
  return a.generation - b.generation || a.revision - b.revision;
}

/** `generation/revision`, for messages a person reads. */
export function formatPosition(position: Position): string {
  return `${position.generation}/${position.revision}`;
}
