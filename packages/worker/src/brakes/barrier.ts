import { comparePositions, type JournalReader, type Position, type Source, sleep } from '@tidemark/core';

/** Milliseconds between two looks at the journal's end. */
const LOOK_EVERY_MS = 100;

export interface BarrierOptions {
  readonly journal: JournalReader;
  /** Asked how far the source has come. */
  readonly source: Pick<Source, 'identity'>;
  /** Called with what is waited for, for people; only when there is something to wait for. */
  readonly onWaiting: (reason: string) => void;
}

/**
 * Waits until the journal holds everything that the source holds now, or a later generation than `at`. A brake that judges
 * a backlog before that judges less than what waits: after an absence of the leader the source is ahead of the journal.
 * False when aborted.
 * @throws UnavailableError when the source or the journal does not answer
 */
export async function journaledUpToNow(
  { journal, source, onWaiting }: BarrierOptions,
  at: Position,
  signal: AbortSignal,
): Promise<boolean> {
  const { revision } = await source.identity(signal);
  let reported = false;
  while (!signal.aborted) {
    const end = (await journal.info(signal)).last?.position ?? null;
    const wanted = { generation: at.generation, revision };
    if (end !== null && comparePositions(end, wanted) >= 0) return true;
    if (!reported) {
      onWaiting(
        `A brake has to judge everything that waits: waiting until the leader has journaled revision ${revision} of the source; the journal is at ${end?.revision ?? 'no revision'}. If this lasts, no node leads: see \`tidemark status\`.`,
      );
      reported = true;
    }
    await sleep(LOOK_EVERY_MS, signal);
  }
  return false;
}
