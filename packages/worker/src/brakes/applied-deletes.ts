import { type BatchRecord, comparePositions, type JournalReader, type Position, readToEnd } from '@tidemark/core';
import type { Filter } from '../routes/filter.js';
import { DeleteWindow } from './delete-window.js';

interface Stretch {
  readonly from: Position;
  readonly to: Position;
  /** Deletes up to this revision were let go. */
  readonly allowed: number;
  /** Milliseconds. */
  readonly windowMs: number;
}

/**
 * The distinct keys that were deleted, and not put again, in the last `windowMs` milliseconds before the first change after
 * `to`, by the journal's time. They are applied already, and count together with what waits: a mass delete does not become
 * harmless because a half of it has passed.
 */
export async function appliedDeletes(
  { journal, filter }: { readonly journal: Pick<JournalReader, 'info' | 'read'>; readonly filter: Filter },
  stretch: Stretch,
  signal: AbortSignal,
): Promise<number> {
  const { from, to, windowMs } = stretch;
  const end = await journal.info(signal);
  if (end.last === null || comparePositions(from, end.last.position) >= 0) return 0;
  const window = new DeleteWindow(windowMs);
  try {
    for await (const { record } of readToEnd(journal, { from: { after: from }, end }, signal)) {
      const counts = record.kind === 'batch' && record.generation === to.generation;
      if (counts && addTo(window, record, { filter, stretch })) break;
      if (comparePositions(record, end.last.position) >= 0) break;
    }
    return window.size;
  } finally {
    // Memory for names is shared by all that count.
    window.clear();
  }
}

/** True when the record has a revision after the stretch: at its time the count is made. */
function addTo(
  window: DeleteWindow,
  { entries, time }: BatchRecord,
  { filter, stretch }: { readonly filter: Filter; readonly stretch: Stretch },
): boolean {
  const { to, allowed } = stretch;
  for (const entry of entries) {
    const counts = entry.revision > allowed && entry.revision <= to.revision;
    // What is added at a time makes the window forget what is too old by then.
    window.add(counts ? filter.mapEntry(entry) : [], time);
    if (entry.revision > to.revision) return true;
  }
  return false;
}
