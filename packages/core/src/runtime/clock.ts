import { setTimeout as delay } from 'node:timers/promises';
import { LONGEST_TIMER_MS } from './timer.js';

/** Time, passed in so that pure parts can be tested without waiting. */
export interface Clock {
  /** Milliseconds that only go forward; for deadlines. Not comparable between processes. */
  monotonic(): number;
  /** Milliseconds since the Unix epoch; for people. May jump. */
  wall(): number;
}

export const systemClock: Clock = {
  monotonic: () => performance.now(),
  wall: () => Date.now(),
};

/**
 * Waits `ms` milliseconds, however long that is, or until `signal` aborts; never rejects, so that a loop's condition decides
 * what is next.
 */
export async function sleep(ms: number, signal: AbortSignal): Promise<void> {
  try {
    let left = ms;
    for (; left > LONGEST_TIMER_MS; left -= LONGEST_TIMER_MS) await delay(LONGEST_TIMER_MS, undefined, { signal });
    await delay(left, undefined, { signal });
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

/** Resolves when `signal` aborts. */
export function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
