import { comparePositions, type JournalReader, type Position, Scope } from '@tidemark/core';
import type { Filter } from '../routes/filter.js';
import { DeleteWindow } from './delete-window.js';

/**
 * The distinct keys that were deleted, and not put again, in the last `windowMs` milliseconds before the first change after
 * `to`, by the journal's time. They are applied already, and count together with what waits: a mass delete does not become
 * harmless because a half of it has passed.
 */
export async function appliedDeletes(
  { journal, filter }: { readonly journal: Pick<JournalReader, 'info' | 'read'>; readonly filter: Filter },
  range: {
    readonly from: Position;
    readonly to: Position;
    /** Deletes up to this revision were let go. */
    readonly allowed: number;
    /** Milliseconds. */
    readonly windowMs: number;
  },
  outer: AbortSignal,
): Promise<number> {
  const { from, to, allowed, windowMs } = range;
  const { last } = await journal.info(outer);
  if (last === null || comparePositions(from, last.position) >= 0) return 0;
  const window = new DeleteWindow(windowMs);
  const scope = new Scope(outer);
  try {
    for await (const { record } of journal.read({ after: from }, scope.signal)) {
      if (record.kind === 'batch' && record.generation === to.generation) {
        for (const entry of record.entries) {
          // Nothing is added at that time: what is older than the window is forgotten.
          const counts = entry.revision > allowed && entry.revision <= to.revision;
          const writes = counts ? filter.mapEntry(entry) : [];
          window.add(writes, record.time);
          if (entry.revision > to.revision) return window.size;
        }
      }
      if (comparePositions(record, last.position) >= 0) break;
    }
    return window.size;
  } finally {
    scope.end();
  }
}
