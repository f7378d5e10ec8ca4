import {
  type Checkpoint,
  comparePositions,
  type JournalInfo,
  JournalPositionLostError,
  type JournalReader,
  type Position,
  readToEnd,
  type StoredRecord,
} from '@tidemark/core';
import type { ApplyObserver } from './observer.js';

export interface Backlog {
  readonly journal: Pick<JournalReader, 'info' | 'read'>;
  readonly observer: Pick<ApplyObserver, 'waiting'>;
}

/** Reports when the first change after a position was journaled, as soon as there is one. */
export async function reportWaiting(
  { journal, observer }: Backlog,
  after: Position,
  signal: AbortSignal,
): Promise<void> {
  await reportFirst(journal.read({ after }, signal), { after, observer });
}

async function reportFirst(
  records: AsyncIterable<StoredRecord>,
  { after, observer }: Pick<Backlog, 'observer'> & { readonly after: Position },
): Promise<void> {
  for await (const { record } of records) {
    if ((record.kind !== 'batch' && record.kind !== 'reset') || comparePositions(record, after) <= 0) continue;
    observer.waiting(record.time);
    return;
  }
}

/**
 * As `reportWaiting`, without waiting for more than the journal has, for a checkpoint that may be of another journal: one
 * that is held from the start is never followed.
 */
export async function reportBacklog(
  backlog: Backlog,
  { found, info }: { readonly found: Checkpoint; readonly info: JournalInfo },
  signal: AbortSignal,
): Promise<void> {
  const { journal, observer } = backlog;
  const { id, first, last } = info;
  const after = found.position;
  if (found.journal !== id || last === null || comparePositions(after, last.position) >= 0) return;
  try {
    await reportFirst(readToEnd(journal, { from: { after }, end: info }, signal), { after, observer });
  } catch (error) {
    if (!(error instanceof JournalPositionLostError)) throw error;
    // At least so long.
    if (first !== null) observer.waiting(first.time);
  }
}
