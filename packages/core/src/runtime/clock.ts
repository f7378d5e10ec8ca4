import { setTimeout as delay } from 'node:timers/promises';

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

/** Waits `ms` milliseconds, or until `signal` aborts; never rejects: the loop's own condition decides what comes next. */
export async function sleep(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await delay(ms, undefined, { signal });
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

/** Resolves when `signal` aborts. */
export function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
