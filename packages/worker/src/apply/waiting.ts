import {
  type Checkpoint,
  comparePositions,
  type Journal,
  type JournalInfo,
  JournalPositionLostError,
  type Position,
} from '@tidemark/core';
import type { WorkerObserver } from '../observer.js';

export interface Telling {
  readonly journal: Pick<Journal, 'read'>;
  readonly observer: Pick<WorkerObserver, 'waiting'>;
}

/** Tells when the first change behind a position was journaled, as soon as there is one. */
export async function tellWaiting({ journal, observer }: Telling, after: Position, signal: AbortSignal): Promise<void> {
  for await (const { record } of journal.read({ after }, signal)) {
    if ((record.kind !== 'batch' && record.kind !== 'reset') || comparePositions(record, after) <= 0) continue;
    observer.waiting(record.time);
    return;
  }
}

/** A destination that is held from the start is never followed, and its lag would be told from the journal's end. */
export async function tellBacklog(
  telling: Telling,
  { found, info }: { readonly found: Checkpoint; readonly info: JournalInfo },
  signal: AbortSignal,
): Promise<void> {
  const { id, first, last } = info;
  if (found.journal !== id || last === null || comparePositions(found.position, last.position) >= 0) return;
  try {
    await tellWaiting(telling, found.position, signal);
  } catch (error) {
    if (!(error instanceof JournalPositionLostError)) throw error;
    // At least so long.
    if (first !== null) telling.observer.waiting(first.time);
  }
}
