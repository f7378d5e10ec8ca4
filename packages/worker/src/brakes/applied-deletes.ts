import { comparePositions, type JournalReader, type Position, readToEnd } from '@tidemark/core';
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
  signal: AbortSignal,
): Promise<number> {
  const { from, to, allowed, windowMs } = range;
  const end = await journal.info(signal);
  if (end.last === null || comparePositions(from, end.last.position) >= 0) return 0;
  const window = new DeleteWindow(windowMs);
  for await (const { record } of readToEnd(journal, { from: { after: from }, end }, signal)) {
    if (record.kind === 'batch' && record.generation === to.generation) {
      for (const entry of record.entries) {
        // Nothing is added at that time: what is older than the window is forgotten.
        const counts = entry.revision > allowed && entry.revision <= to.revision;
        const writes = counts ? filter.mapEntry(entry) : [];
        window.add(writes, record.time);
        if (entry.revision > to.revision) return window.size;
      }
    }
    if (comparePositions(record, end.last.position) >= 0) break;
  }
  return window.size;
}
