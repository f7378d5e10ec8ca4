import type { Destination } from '@tidemark/core';
import {
  type Checkpoint,
  type Clock,
  comparePositions,
  gather,
  type Journal,
  orWhenDue,
  type StoredRecord,
  systemClock,
} from '@tidemark/core';
import { Applier } from './applier.js';
import { type Batch, Coalescer } from './coalesce.js';
import type { WorkerObserver } from './observer.js';
import type { Route } from './routes.js';

/** A quiet destination's checkpoint moves this often, so that it does not fall out of the journal while nothing matches its routes. */
const IDLE_CHECKPOINT_MS = 1000;
/** Journal bytes that may wait in memory for one destination. */
const QUEUED_BYTES = 8 * 1024 * 1024;
/** Journal bytes handled between two looks at the queue. */
const GROUP_BYTES = 2 * 1024 * 1024;

export interface FollowOptions {
  readonly journal: Pick<Journal, 'read'>;
  readonly destination: Destination;
  readonly routes: readonly Route[];
  readonly observer: WorkerObserver;
  readonly clock?: Clock;
}

/**
 * Applies the journal behind a checkpoint, until history begins anew or `signal` aborts.
 *
 * @returns 'reset' when a reset record says that the destination needs a new base, 'stopped' when aborted
 * @throws FencedError when the destination stands elsewhere than believed
 */
export async function follow(
  options: FollowOptions,
  from: Checkpoint,
  signal: AbortSignal,
): Promise<'reset' | 'stopped'> {
  const following = new Following(options, from, signal);
  const { journal } = options;
  const groups = gather((stop) => singly(journal.read({ after: from.position }, AbortSignal.any([stop, signal]))), {
    maxGroupBytes: GROUP_BYTES,
    maxQueuedBytes: QUEUED_BYTES,
    sizeOf: (stored: StoredRecord) => stored.bytes,
  });
  for await (const group of orWhenDue(groups, () => following.checkpointDueInMs())) {
    const needsBase = group === null ? await following.flush() : await following.handle(group);
    if (needsBase) return 'reset';
  }
  return 'stopped';
}

async function* singly(records: AsyncIterable<StoredRecord>): AsyncGenerator<readonly StoredRecord[]> {
  for await (const record of records) yield [record];
}

class Following {
  private readonly applier: Applier;
  private readonly coalescer: Coalescer;
  /** Revisions without writes that the stored checkpoint does not cover yet. */
  private unwritten: Batch | null = null;
  private readonly clock: Clock;

  constructor(
    private readonly options: FollowOptions,
    from: Checkpoint,
    private readonly signal: AbortSignal,
  ) {
    this.clock = options.clock ?? systemClock;
    this.applier = new Applier(options.destination, from, options.observer, this.clock);
    this.coalescer = new Coalescer(options.routes, options.destination.limits);
  }

  checkpointDueInMs(): number | null {
    return this.unwritten === null ? null : IDLE_CHECKPOINT_MS - this.applier.checkpointAgeMs;
  }

  /** Returns true when a new base is needed. */
  async handle(group: readonly StoredRecord[]): Promise<boolean> {
    for (const { record } of group) {
      if (record.kind === 'reset' && comparePositions(record, this.applier.checkpoint.position) > 0) return true;
      if (record.kind === 'batch') {
        this.options.observer.waiting(record.time);
        await this.add(record.entries, record.time);
      }
    }
    await this.applyOrRemember(this.coalescer.take());
    return false;
  }

  /** Writes the checkpoint for revisions without writes. */
  async flush(): Promise<false> {
    if (this.unwritten !== null) await this.apply(this.unwritten);
    return false;
  }

  private async add(entries: readonly Parameters<Coalescer['add']>[0][], time: number): Promise<void> {
    for (const entry of entries) {
      if (entry.revision <= this.applier.checkpoint.position.revision) continue;
      const closed = this.coalescer.add(entry, time);
      if (closed !== null) await this.applyOrRemember(closed);
    }
  }

  private async applyOrRemember(batch: Batch | null): Promise<void> {
    if (batch === null) return;
    if (batch.writes.length > 0 || this.applier.checkpointAgeMs >= IDLE_CHECKPOINT_MS) {
      await this.apply(batch);
    } else {
      this.unwritten = batch;
      this.reached(batch);
    }
  }

  private async apply(batch: Batch): Promise<void> {
    await this.applier.apply(batch, this.signal);
    this.unwritten = null;
    this.reached(batch);
  }

  private reached(batch: Batch): void {
    const { generation } = this.applier.checkpoint.position;
    this.options.observer.reached({ generation, revision: batch.revision }, batch.time);
  }
}
