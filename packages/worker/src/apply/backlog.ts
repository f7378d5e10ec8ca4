import {
  type Checkpoint,
  comparePositions,
  type JournalInfo,
  JournalPositionLostError,
  type JournalReader,
  type Position,
} from '@tidemark/core';
import type { ApplyObserver } from './observer.js';

export interface Backlog {
  readonly journal: Pick<JournalReader, 'read'>;
  readonly observer: Pick<ApplyObserver, 'waiting'>;
}

/** Reports when the first change after a position was journaled, as soon as there is one. */
export async function reportWaiting(
  { journal, observer }: Backlog,
  after: Position,
  signal: AbortSignal,
): Promise<void> {
  for await (const { record } of journal.read({ after }, signal)) {
    if ((record.kind !== 'batch' && record.kind !== 'reset') || comparePositions(record, after) <= 0) continue;
    observer.waiting(record.time);
    return;
  }
}

/** As `reportWaiting`, for a checkpoint that may be of another journal: one that is held from the start is never followed. */
export async function reportBacklog(
  backlog: Backlog,
  { found, info }: { readonly found: Checkpoint; readonly info: JournalInfo },
  signal: AbortSignal,
): Promise<void> {
  const { id, first, last } = info;
  if (found.journal !== id || last === null || comparePositions(found.position, last.position) >= 0) return;
  try {
    await reportWaiting(backlog, found.position, signal);
  } catch (error) {
    if (!(error instanceof JournalPositionLostError)) throw error;
    // At least so long.
    if (first !== null) backlog.observer.waiting(first.time);
  }
}
