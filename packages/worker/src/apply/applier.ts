import { isDeepStrictEqual } from 'node:util';
import {
  type ApplyRequest,
  type Checkpoint,
  type Clock,
  type Destination,
  FencedError,
  formatPosition,
  systemClock,
  type Write,
} from '@tidemark/core';
import type { WorkerObserver } from '../observer.js';
import type { Batch } from './coalesce.js';
import { splitWrites } from './split.js';

/**
 * Moves a destination's checkpoint together with its data. Holds the checkpoint it believes in; every write is compared
 * with it, so a belief that is wrong writes nothing and ends in FencedError.
 */
export class Applier {
  private lastWrite = Number.NEGATIVE_INFINITY;
  private lastConfirmed: number;

  constructor(
    private readonly destination: Destination,
    private believed: Checkpoint,
    private readonly observer: WorkerObserver,
    private readonly clock: Clock = systemClock,
  ) {
    this.lastConfirmed = clock.monotonic();
  }

  get checkpoint(): Checkpoint {
    return this.believed;
  }

  /**
   * Milliseconds since the checkpoint was last written here. What was found counts as old: where work is begun anew all the
   * time, as repairs do, it would otherwise never be old enough to be moved.
   */
  get checkpointAgeMs(): number {
    return this.clock.monotonic() - this.lastWrite;
  }

  /** Milliseconds since the destination was last seen to stand at the checkpoint. */
  get confirmedAgeMs(): number {
    return this.clock.monotonic() - this.lastConfirmed;
  }

  /**
   * Reads where the destination stands, without a write: one that was restored from a backup is noticed although
   * nothing happens at the source.
   * @throws FencedError when the destination stands elsewhere
   */
  async confirm(signal: AbortSignal): Promise<void> {
    const found = await this.destination.checkpoint(signal);
    if (!isDeepStrictEqual(found, this.believed)) throw superseded(found, this.believed);
    this.lastConfirmed = this.clock.monotonic();
  }

  /**
   * Applies a batch in one transaction. A single revision that is larger than one transaction goes in parts, each noted
   * in the checkpoint, so that a restart continues behind the last part that was committed.
   * @throws FencedError when the destination stands elsewhere
   */
  async apply(batch: Batch, signal: AbortSignal): Promise<void> {
    const { partial } = this.believed;
    let done = partial?.revision === batch.revision ? partial.writes : 0;
    const runs = splitWrites(batch.writes.slice(done), this.destination.limits);
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
    await commit(this.destination, { writes, expected: this.believed, next }, this.observer, signal);
    this.believed = next;
    this.lastWrite = this.clock.monotonic();
    this.lastConfirmed = this.lastWrite;
  }
}

/** A transaction that has begun when the work is to end gets so long to come to its end. */
const FINISH_MS = 1_000;

/**
 * One transaction, observed. One that has begun is finished also when `signal` aborts: whoever takes over might otherwise
 * read the checkpoint before the cancelled transaction is committed, and be refused afterwards.
 * @throws FencedError when the destination stands elsewhere
 */
export async function commit(
  destination: Destination,
  request: ApplyRequest,
  observer: WorkerObserver,
  signal: AbortSignal,
): Promise<void> {
  const started = performance.now();
  const result = await finishing(signal, (finish) => destination.apply(request, finish));
  if (result.outcome === 'superseded') throw superseded(result.found, request.expected);
  const puts = request.writes.reduce((count, write) => count + (write.kind === 'put' ? 1 : 0), 0);
  observer.applied({ puts, deletes: request.writes.length - puts, seconds: (performance.now() - started) / 1000 });
}

/** Does nothing once `signal` has aborted; what has begun is told to stop `FINISH_MS` later. */
async function finishing<T>(signal: AbortSignal, work: (finish: AbortSignal) => Promise<T>): Promise<T> {
  signal.throwIfAborted();
  const finish = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const stop = () => {
    timer = setTimeout(() => finish.abort(), FINISH_MS);
  };
  signal.addEventListener('abort', stop, { once: true });
  try {
    return await work(finish.signal);
  } finally {
    signal.removeEventListener('abort', stop);
    clearTimeout(timer);
  }
}

function superseded(found: Checkpoint | null, expected: Checkpoint | null): FencedError {
  return new FencedError({
    message: `The destination stands at ${describe(found)}, expected ${describe(expected)}: another worker moved it, or it was restored.`,
    remedy: 'None needed: the worker reads the checkpoint again and goes on from there.',
  });
}

function describe(checkpoint: Checkpoint | null): string {
  if (checkpoint === null) return 'no checkpoint';
  const { position, resync, partial, fence } = checkpoint;
  const detail = resync
    ? ` resyncing to ${resync.target.revision}`
    : partial
      ? ` with ${partial.writes} writes of ${partial.revision}`
      : '';
  const fenced = fence === null ? '' : ` (fence ${fence.amended}.${fence.closed})`;
  return `${formatPosition(position)}${detail}${fenced}`;
}
