import { type Clock, systemClock } from '@tidemark/core';

/** A destination that lags by less is about as far as the source, milliseconds. */
const LAG_MS = 5_000;
/** Nothing was applied for so long: the backlog is done, milliseconds. */
const QUIET_MS = 500;

/** Whether a destination is catching up: applying, right now, what happened long ago. */
export class CatchUpDetector {
  private lagMs = 0;
  private at = Number.NEGATIVE_INFINITY;

  /** @param delayMs that every change waits by configuration, milliseconds */
  constructor(
    private readonly delayMs: number,
    private readonly clock: Clock = systemClock,
  ) {}

  get isOn(): boolean {
    return this.lagMs > LAG_MS && this.clock.monotonic() - this.at < QUIET_MS;
  }

  /** @param time when what was applied was journaled, milliseconds since the epoch */
  reached(time: number): void {
    this.lagMs = this.clock.wall() - time - this.delayMs;
    this.at = this.clock.monotonic();
  }
}
