import { aborted, type JournalReader, Scope } from '@tidemark/core';

/**
 * Waits until an empty journal holds its first record, the reset that names a snapshot, so that who needs one looks again
 * at once: polling for it took up to half a second of a first resync that takes two. Resolves after `limitMs` milliseconds
 * at the latest, and when `signal` aborts. Never rejects: a journal that cannot be read is waited for, and the next look
 * at it says what is wrong.
 */
export async function firstRecord(
  journal: Pick<JournalReader, 'read'>,
  limitMs: number,
  signal: AbortSignal,
): Promise<void> {
  const scope = Scope.within(limitMs, signal);
  const over = aborted(scope.signal);
  try {
    await Promise.race([over, readOne(journal, scope.signal).catch(() => over)]);
  } finally {
    scope.end();
  }
}

async function readOne(journal: Pick<JournalReader, 'read'>, signal: AbortSignal): Promise<void> {
  for await (const _ of journal.read('oldest', signal)) return;
}
