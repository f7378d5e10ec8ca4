import { type Clock, sleep, systemClock } from './clock.js';

export interface BackoffOptions {
  readonly initialMs: number;
  readonly maxMs: number;
  /** Returns a number in [0, 1); replaceable in tests. */
  readonly random?: () => number;
  readonly clock?: Clock;
}

/** The one retry policy: the delay doubles up to a limit. A quarter of jitter keeps nodes from retrying at the same time. */
export class Backoff {
  private failures = 0;
  private readonly random: () => number;
  private readonly clock: Clock;
  private lastFailure = Number.NEGATIVE_INFINITY;

  constructor(private readonly options: BackoffOptions) {
    this.random = options.random ?? Math.random;
    this.clock = options.clock ?? systemClock;
  }

  /**
   * Records a failure and returns how long to wait, in milliseconds. A failure that comes ten times the longest delay
   * after the last one is a new fault: the delays begin again.
   */
  next(): number {
    const now = this.clock.monotonic();
    if (now - this.lastFailure > 10 * this.options.maxMs) this.failures = 0;
    this.lastFailure = now;
    const delay = Math.min(this.options.maxMs, this.options.initialMs * 2 ** Math.min(this.failures, 30));
    this.failures++;
    return delay * (0.75 + 0.25 * this.random());
  }

  /** Waits before the next attempt, or until `signal` aborts. */
  async wait(signal: AbortSignal): Promise<void> {
    await sleep(this.next(), signal);
  }

  reset(): void {
    this.failures = 0;
  }
}
