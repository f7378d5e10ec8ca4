import type { JournalInfo, JournalReader, ReadFrom, StoredRecord } from '../contracts/journal.js';
import { UnavailableError } from '../model/errors.js';
import { comparePositions, formatPosition } from '../model/position.js';
import { Scope } from './scope.js';

/** So long nothing comes before the journal is asked where it ends by now. */
const IDLE_MS = 1_000;
/** Longer than a journal takes that elects a leader, and than its reader waits for servers that are away. */
const PATIENCE_MS = 120_000;

export interface Stretch {
  readonly from: ReadFrom;
  /** The journal as it was: its end is the end of the stretch. */
  readonly end: Pick<JournalInfo, 'id' | 'last' | 'lastSequence'>;
  /** IDLE_MS unless given. */
  readonly idleMs?: number;
  /** PATIENCE_MS unless given. */
  readonly patienceMs?: number;
}

/**
 * Records up to the journal's end as it was shown, without waiting for more. The end that was shown may never be handed
 * out: the journal may have lost it since, and parts that nobody finished may stand there. So whoever waits asks again.
 * @throws UnavailableError when the journal shows more, and hands out nothing for `patienceMs`
 * @throws what reading does
 */
export async function* readToEnd(
  journal: Pick<JournalReader, 'info' | 'read'>,
  { from, end, idleMs = IDLE_MS, patienceMs = PATIENCE_MS }: Stretch,
  signal: AbortSignal,
): AsyncGenerator<StoredRecord> {
  const scope = new Scope(signal);
  const reading = journal.read(from, scope.signal)[Symbol.asyncIterator]();
  let next: Promise<IteratorResult<StoredRecord>> | null = null;
  let last: StoredRecord | null = null;
  let lastContact = performance.now();
  try {
    while (!signal.aborted) {
      next ??= reading.next();
      const came: IteratorResult<StoredRecord> | null = await unlessIdle(next, idleMs);
      if (came === null) {
        if (await isAtEnd(journal, { from, last, id: end.id }, signal)) return;
        if (performance.now() - lastContact > patienceMs) throw nothingComes(last);
        continue;
      }
      next = null;
      if (came.done) return;
      last = came.value;
      yield last;
      if (reaches(last, end)) return;
      lastContact = performance.now();
    }
  } finally {
    scope.end();
    // Nobody waits for it any more, and neither for why it did not come.
    await next?.catch(() => undefined);
    await reading.return?.(undefined);
  }
}

/** A journal that lost its end and was written again has other records at the same sequences. */
function reaches({ sequence, record }: StoredRecord, { last, lastSequence }: Stretch['end']): boolean {
  return sequence >= lastSequence && (last === null || comparePositions(record, last.position) >= 0);
}

/** Null when nothing comes in time. */
async function unlessIdle<T>(work: Promise<T>, idleMs: number): Promise<T | null> {
  let timer: NodeJS.Timeout | undefined;
  const idle = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), idleMs);
  });
  try {
    return await Promise.race([work, idle]);
  } finally {
    clearTimeout(timer);
  }
}

/** Whether everything was handed out; at the end's position only records may be missing that move nothing. */
async function isAtEnd(
  journal: Pick<JournalReader, 'info'>,
  { from, last, id }: { readonly from: ReadFrom; readonly last: StoredRecord | null; readonly id: string },
  signal: AbortSignal,
): Promise<boolean> {
  let now: JournalInfo;
  try {
    now = await journal.info(signal);
  } catch (error) {
    if (signal.aborted) return true;
    if (!(error instanceof UnavailableError)) throw error;
    // Not known: reading goes on over an interruption as well, for a while.
    return false;
  }
  if (now.id !== id || now.last === null) return true;
  if (last !== null) return comparePositions(last.record, now.last.position) >= 0;
  return from !== 'oldest' && comparePositions(from.after, now.last.position) >= 0;
}

function nothingComes(last: StoredRecord | null): UnavailableError {
  const place = last === null ? 'from its beginning' : `after ${formatPosition(last.record)}`;
  return new UnavailableError({
    message: `The journal shows records ${place}, and hands out none.`,
    remedy: 'It is tried again. Check that the NATS servers run and are reachable.',
  });
}
