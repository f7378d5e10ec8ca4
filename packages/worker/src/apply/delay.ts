import { type Clock, type StoredRecord, sleep } from '@tidemark/core';

/** Milliseconds after which the clock is read again: it may be set meanwhile, and timers have an upper limit. */
const LOOK_AT_CLOCK_MS = 60_000;

export interface DelayOptions {
  /** Milliseconds. */
  readonly delayMs: number;
  readonly clock: Clock;
  /** Called with each record before it waits. */
  readonly onWaiting: (record: StoredRecord['record']) => void;
}

/** Hands out each record when it was journaled `delayMs` ago. Nothing is read ahead while one waits. */
export async function* delayed(
  records: AsyncIterable<StoredRecord>,
  { delayMs, clock, onWaiting }: DelayOptions,
  signal: AbortSignal,
): AsyncGenerator<StoredRecord> {
  for await (const stored of records) {
    onWaiting(stored.record);
    for (;;) {
      const waitMs = stored.record.time + delayMs - clock.wall();
      if (waitMs <= 0 || signal.aborted) break;
      await sleep(Math.min(waitMs, LOOK_AT_CLOCK_MS), signal);
    }
    if (signal.aborted) return;
    yield stored;
  }
}
