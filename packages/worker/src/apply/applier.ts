import { isDeepStrictEqual } from 'node:util';
import { type Checkpoint, type Clock, type DestinationReader, systemClock, type Write } from '@tidemark/core';
import { commit, superseded } from '../write/commit.js';
import type { WriteObserver } from '../write/observer.js';
import { splitWrites } from '../write/split.js';
import type { TrackedWriter } from '../write/tracked-writer.js';
import type { Batch } from './coalesce.js';

export interface ApplierOptions {
  readonly destination: DestinationReader;
  readonly writer: TrackedWriter;
  readonly observer: WriteObserver;
  readonly clock?: Clock;
}

/**
 * Moves a destination's checkpoint together with its data. Holds the checkpoint it believes in; every write is compared
 * with it, so a belief that is wrong writes nothing and ends in FencedError.
 */
export class Applier {
  private lastWrite = Number.NEGATIVE_INFINITY;
  private lastConfirmed: number;

  private readonly clock: Clock;

  constructor(
    private readonly options: ApplierOptions,
    private believed: Checkpoint,
  ) {
    this.clock = options.clock ?? systemClock;
    this.lastConfirmed = this.clock.monotonic();
  }

  get checkpoint(): Checkpoint {
    return this.believed;
  }

  /**
   * Milliseconds since the checkpoint was last written here. What was found counts as old: where attempts follow one upon
   * the other, as repairs make them, it would otherwise never be old enough to be moved.
   */
  get checkpointAgeMs(): number {
    return this.clock.monotonic() - this.lastWrite;
  }

  /** Milliseconds since the checkpoint was last seen at the destination. */
  get confirmedAgeMs(): number {
    return this.clock.monotonic() - this.lastConfirmed;
  }

  /**
   * Reads the checkpoint, without a write: a destination that was restored from a backup is noticed although nothing
   * happens at the source.
   * @throws FencedError when the checkpoint is another one
   */
  async confirm(signal: AbortSignal): Promise<void> {
    const found = await this.options.destination.checkpoint(signal);
    if (!isDeepStrictEqual(found, this.believed)) throw superseded(found, this.believed);
    this.lastConfirmed = this.clock.monotonic();
  }

  /**
   * Applies a batch in one transaction. A single revision that is larger than one transaction goes in parts, each noted
   * in the checkpoint, so that a restart continues after the last part that was committed.
   * @throws FencedError when the checkpoint is another one
   */
  async apply(batch: Batch, signal: AbortSignal): Promise<void> {
    const { partial } = this.believed;
    let done = partial?.revision === batch.revision ? partial.writes : 0;
    const runs = splitWrites(batch.writes.slice(done), this.options.writer.limits);
    for (const [index, writes] of runs.entries()) {
      done += writes.length;
      const last = index === runs.length - 1;
      // A batch in parts is one revision. What lies before it is done, without writes perhaps: were it left to do, a
      // restart would move the checkpoint over it first and forget the parts.
      const revision = last ? batch.revision : batch.revision - 1;
      const position = { ...this.believed.position, revision };
      await this.commit(
        writes,
        { ...this.believed, position, partial: last ? null : { revision: batch.revision, writes: done } },
        signal,
      );
    }
  }

  private async commit(writes: readonly Write[], next: Checkpoint, signal: AbortSignal): Promise<void> {
    const { writer, observer } = this.options;
    await commit(writer, { writes, expected: this.believed, next }, observer, signal);
    this.believed = next;
    this.lastWrite = this.clock.monotonic();
    this.lastConfirmed = this.lastWrite;
  }
}
