import { type Clock, systemClock, type Write } from '@tidemark/core';
import { DeleteWindow } from './delete-window.js';
import { type DeleteLimits, deletesExceed, type Exceeded, harmlessDeletes } from './limits.js';
import type { NamedKeys } from './named-keys.js';

/** Milliseconds for which a count of the destination's keys is good enough. */
const COUNT_VALID_MS = 10_000;

export interface DeleteBrakeOptions {
  readonly limits: DeleteLimits;
  /** Changes up to this revision were approved. */
  readonly allowed: number;
  /** The keys at the destination now, under its routes, with everything applied that was admitted. */
  readonly countKeys: () => Promise<number>;
  readonly clock?: Clock;
  readonly names?: NamedKeys;
}

/** Decides on each revision before it is applied. */
export class DeleteBrake {
  private readonly window: DeleteWindow;
  private readonly harmless: number;
  private counted = { keys: 0, at: Number.NEGATIVE_INFINITY };
  private readonly clock: Clock;

  constructor(private readonly options: DeleteBrakeOptions) {
    this.window = new DeleteWindow(options.limits.window, options.names);
    this.harmless = harmlessDeletes(options.limits);
    this.clock = options.clock ?? systemClock;
  }

  /** Takes a revision into account that was applied before. */
  remember(writes: readonly Write[], revision: number, time: number): void {
    if (this.harmless !== Number.POSITIVE_INFINITY && revision > this.options.allowed) this.window.add(writes, time);
  }

  /**
   * Null when a revision may be applied. A promise only when there is something to ask, so that a busy journal stays
   * cheap.
   * @param time when it was journaled, milliseconds since the epoch
   */
  admit(writes: readonly Write[], revision: number, time: number): Promise<Exceeded | null> | null {
    if (this.harmless === Number.POSITIVE_INFINITY || revision <= this.options.allowed) return null;
    // What is too old by now took its keys away for good: it is in no count of keys any more.
    const before = this.window.sizeAt(time);
    this.window.add(writes, time);
    const { deletes, all } = this.window.count;
    if (all && (deletes <= this.harmless || deletes <= before)) return null;
    return this.decide(before);
  }

  /** Nothing is remembered any more. */
  close(): void {
    this.window.clear();
  }

  private async decide(before: number): Promise<Exceeded | null> {
    const { limits, countKeys } = this.options;
    const remembered = this.clock.monotonic() - this.counted.at < COUNT_VALID_MS;
    if (remembered && deletesExceed(this.window.count, this.counted.keys, limits) === null) return null;
    // What the window holds is gone from the destination, except for the revision in question.
    this.counted = { keys: (await countKeys()) + before, at: this.clock.monotonic() };
    return deletesExceed(this.window.count, this.counted.keys, limits);
  }
}
