import {
  type BatchRecord,
  type BrakesConfig,
  type Checkpoint,
  type Clock,
  comparePositions,
  type DestinationReader,
  type Entry,
  eventLoopTurn,
  type Group,
  gather,
  type JournalReader,
  type JournalRecord,
  type Position,
  type SharedBudget,
  type StoredRecord,
  systemClock,
} from '@tidemark/core';
import { countKeys } from '../brakes/count-keys.js';
import { DeleteBrake } from '../brakes/delete-brake.js';
import type { Exceeded } from '../brakes/limits.js';
import type { Filter } from '../routes/filter.js';
import type { TrackedWriter } from '../write/tracked-writer.js';
import { Applier } from './applier.js';
import { collectLimits, queueBytes } from './budget.js';
import { type Batch, Coalescer } from './coalesce.js';
import { delayed } from './delay.js';
import type { ApplyObserver } from './observer.js';

/** A quiet destination's checkpoint moves this often, so that it does not fall out of the journal while nothing matches its routes. */
const IDLE_CHECKPOINT_MS = 1000;
/** A destination that is not written to is asked this often whether its checkpoint is still the same. */
const CONFIRM_MS = 2000;
/**
 * Journal bytes handled between two looks at the queue. Taking them out lets as many be read and decoded at once, while
 * nothing else runs and a transaction waits for its next piece to leave: a backlog of 100,000 revisions took
 * 1.4 s in groups of 2 MiB, 1.3 s in these.
 */
const GROUP_BYTES = 256 * 1024;
/**
 * Revisions collected between two turns of the event loop. A transaction of 1 MiB leaves in pieces, at first of 64 KiB (a
 * gRPC server's window), and each needs a turn: without them the destination got a transaction when the next one was
 * collected, instead of working on it meanwhile.
 */
const ENTRIES_PER_TURN = 128;
/**
 * Revisions before the checkpoint that are read again, so that a restart in the middle of a mass delete does not begin
 * to count from zero.
 */
const LOOK_BACK_REVISIONS = 1_000;

export interface FollowOptions {
  readonly journal: Pick<JournalReader, 'read'>;
  readonly destination: DestinationReader;
  readonly writer: TrackedWriter;
  readonly filter: Filter;
  readonly brakes: Pick<BrakesConfig, 'maxDeletes' | 'maxDeletePercent' | 'window'>;
  /** Milliseconds that a change waits after it was journaled. */
  readonly delayMs: number;
  /** Memory for journal bytes that wait, of all destinations of this process. */
  readonly budget: SharedBudget;
  readonly observer: ApplyObserver;
  /** Called when something is applied, with when that was journaled: milliseconds since the epoch. */
  readonly onReached?: (time: number) => void;
  /** Called when there is nothing to apply now, and the destination has answered. */
  readonly onIdle?: () => void;
  readonly clock?: Clock;
}

export interface FollowFrom {
  readonly checkpoint: Checkpoint;
  /** Revision of the checkpoint's generation after which the journal can be read; null when that is not known. */
  readonly readableFrom: number | null;
  /** Deletes up to this revision were let go, now or before: they count for nothing any more. 0: none were. */
  readonly allowed: number;
  /** Changes up to this revision were let go; what comes after it has to be judged again. Null: nothing was held. */
  readonly letGo: { readonly revision: number; readonly done: () => void } | null;
  /**
   * Backlog brakes have judged everything up to this revision. What a leader read from history after it has waited
   * unseen, and has to be judged, too. Null when no backlog brake is on.
   */
  readonly judged: number | null;
}

export type FollowEnd =
  /** A reset record: the destination needs a resync. */
  | { readonly kind: 'reset' }
  /** Aborted. */
  | { readonly kind: 'stopped' }
  /** What comes next has to be judged before it is applied. Everything before it is applied. */
  | { readonly kind: 'judge' }
  /** The next revision must not be applied without approval. Everything before it is. */
  | { readonly kind: 'held'; readonly exceeded: Exceeded; readonly at: Position };

/**
 * Applies the journal after a checkpoint, until a reset begins another generation, a brake holds, or `signal` aborts.
 *
 * @throws FencedError when the checkpoint is another one than believed
 */
export async function follow(options: FollowOptions, from: FollowFrom, signal: AbortSignal): Promise<FollowEnd> {
  const following = new Following(options, from, signal);
  const { journal, delayMs, budget, observer, clock = systemClock } = options;
  const onWaiting = ({ kind, time, revision }: StoredRecord['record']) => {
    if (kind === 'batch' && revision > from.checkpoint.position.revision) observer.waiting(time);
  };
  const read = (until: AbortSignal) => {
    const records = journal.read({ after: lookBackFrom(from.checkpoint, from.readableFrom) }, until);
    return delayMs === 0 ? records : delayed(records, { delayMs, clock, onWaiting }, until);
  };
  const groups = gather((leaving) => read(AbortSignal.any([leaving, signal])), {
    maxGroupBytes: GROUP_BYTES,
    get maxQueuedBytes() {
      return queueBytes(budget);
    },
    itemsOf: (stored) => {
      if (delayMs === 0) onWaiting(stored.record);
      return [stored];
    },
    sizeOf: (stored) => stored.bytes,
    dueInMs: () => following.idleDueInMs(),
  });
  const leaveBudget = budget.join();
  try {
    for await (const group of groups) {
      const end = group.items.length === 0 ? await following.idle() : await following.handle(group);
      if (end !== null) return end;
      // What waited beside it, and came meanwhile, is judged before the next revision.
      if (following.isLetGoDone) return await following.endBefore({ kind: 'judge' });
    }
    return { kind: 'stopped' };
  } finally {
    leaveBudget();
    following.close();
    await following.drained();
  }
}

/** From where the journal is read, so that the brakes know the deletes shortly before the checkpoint. */
export function lookBackFrom({ position }: Checkpoint, readableFrom: number | null): Position {
  const { generation, revision } = position;
  if (readableFrom === null) return position;
  return { generation, revision: Math.min(revision, Math.max(revision - LOOK_BACK_REVISIONS, readableFrom)) };
}

class Following {
  private readonly applier: Applier;
  private readonly coalescer: Coalescer;
  private readonly brake: DeleteBrake;
  /** Revisions without writes that the stored checkpoint does not cover yet. */
  private unwritten: Batch | null = null;
  /** The transaction in flight; one at a time. */
  private applying: Promise<void> = Promise.resolve();
  private inFlight = false;
  /** Revisions that were collected so far. */
  private collected = 0;
  private readonly clock: Clock;
  /** Null once all of it is applied. */
  private pending: FollowFrom['letGo'];

  constructor(
    private readonly options: FollowOptions,
    private readonly from: FollowFrom,
    private readonly signal: AbortSignal,
  ) {
    this.clock = options.clock ?? systemClock;
    this.pending = from.letGo;
    this.applier = new Applier({ ...options, clock: this.clock }, from.checkpoint);
    this.coalescer = new Coalescer(collectLimits(options.writer, options.budget));
    this.brake = new DeleteBrake({
      limits: options.brakes,
      allowed: from.allowed,
      countKeys: () => this.countKeys(),
      clock: this.clock,
    });
  }

  /** Milliseconds until `idle` has something to do. */
  idleDueInMs(): number {
    if (this.unwritten !== null) return IDLE_CHECKPOINT_MS - this.applier.checkpointAgeMs;
    return CONFIRM_MS - this.applier.confirmedAgeMs;
  }

  /** Moves the checkpoint over revisions without writes, or, without those, looks whether it is still the same. */
  async idle(): Promise<null> {
    if (this.unwritten === null) await this.applier.confirm(this.signal);
    await this.flush();
    this.options.onIdle?.();
    return null;
  }

  /**
   * Applies a group. Where more waits, a transaction may still be in flight when it ends, and what came after it is
   * collected: the destination would otherwise rest while the next group is collected.
   */
  async handle({ items, more }: Group<StoredRecord>): Promise<FollowEnd | null> {
    const end = await this.take(items);
    if (end !== null || (more && this.inFlight)) return end;
    await this.applyOrRemember(this.coalescer.take());
    if (!more) await this.applying;
    return null;
  }

  close(): void {
    this.brake.close();
  }

  /** Resolves when no transaction is in flight. @throws what the last one failed with */
  async drained(): Promise<void> {
    await this.applying;
  }

  /** Writes the checkpoint for revisions without writes. */
  private async flush(): Promise<void> {
    await this.applying;
    if (this.unwritten !== null) await this.apply(this.unwritten);
    await this.applying;
  }

  private async take(group: readonly StoredRecord[]): Promise<FollowEnd | null> {
    for (const { record } of group) {
      const end = record.kind === 'batch' ? await this.takeBatch(record) : this.endAt(record);
      if (end !== null) return end;
    }
    return null;
  }

  private endAt(record: JournalRecord): FollowEnd | null {
    const begins = record.kind === 'reset' && comparePositions(record, this.applier.checkpoint.position) > 0;
    return begins ? { kind: 'reset' } : null;
  }

  private async takeBatch(record: BatchRecord): Promise<FollowEnd | null> {
    for (const entry of record.entries) {
      if (this.mustJudge(entry.revision, record)) return await this.endBefore({ kind: 'judge' });
      // Only what has to be waited for is awaited: most revisions are one small write, or none.
      const added = this.add(entry, record.time);
      const exceeded = added === null ? null : await added;
      if (exceeded !== null) return await this.hold(exceeded);
      if (++this.collected % ENTRIES_PER_TURN === 0) await eventLoopTurn();
    }
    return null;
  }

  private add(entry: Entry, time: number): Promise<Exceeded | null> | null {
    const { filter } = this.options;
    const { revision } = entry;
    const writes = filter.mapEntry(entry);
    if (revision <= this.applier.checkpoint.position.revision) {
      this.brake.remember(writes, revision, time);
      return null;
    }
    const asked = this.brake.admit(writes, revision, time);
    if (asked !== null) {
      return asked.then(async (exceeded) => exceeded ?? (await this.collect({ revision, writes, time })));
    }
    return this.collect({ revision, writes, time });
  }

  private collect({ revision, writes, time }: Batch): Promise<null> | null {
    // A revision that was begun in parts is finished alone: the destination may take more now than it did then, and
    // among others nobody would know which of its writes are done.
    const begun = this.applier.checkpoint.partial?.revision === revision;
    const closed = this.coalescer.add(revision, writes, time) ?? (begun ? this.coalescer.take() : null);
    return closed === null ? null : this.applyOrRemember(closed).then(() => null);
  }

  /** Whether a revision lies beyond what was let go, or waited unseen beyond what backlog brakes have judged. */
  private mustJudge(revision: number, { notBefore }: BatchRecord): boolean {
    const { letGo, judged } = this.from;
    if (revision <= this.applier.checkpoint.position.revision) return false;
    if (letGo !== null && revision > letGo.revision) return true;
    return judged !== null && revision > judged && notBefore !== null;
  }

  /** Whether everything that was let go is applied. */
  get isLetGoDone(): boolean {
    return this.from.letGo !== null && this.pending === null;
  }

  /** Applies what was collected. */
  async endBefore<End extends FollowEnd>(end: End): Promise<End> {
    await this.applyOrRemember(this.coalescer.take());
    await this.flush();
    return end;
  }

  private async hold(exceeded: Exceeded): Promise<FollowEnd> {
    await this.endBefore({ kind: 'stopped' });
    return { kind: 'held', exceeded, at: this.applier.checkpoint.position };
  }

  /** The keys under the routes, with everything applied that was admitted so far. */
  private async countKeys(): Promise<number> {
    await this.applyOrRemember(this.coalescer.take());
    await this.applying;
    return await countKeys(this.options.destination, this.options.filter, this.signal);
  }

  private async applyOrRemember(batch: Batch | null): Promise<void> {
    if (batch === null) return;
    // Without writes it depends on the age of the checkpoint, which the transaction in flight moves.
    if (batch.writes.length === 0) await this.applying;
    if (batch.writes.length > 0 || this.applier.checkpointAgeMs >= IDLE_CHECKPOINT_MS) {
      await this.apply(batch);
    } else {
      this.unwritten = batch;
      this.reached(batch);
    }
  }

  /**
   * Sends a batch when the one before is committed, and does not wait for its own commit: the next one is collected while
   * the destination is at work.
   */
  private async apply(batch: Batch): Promise<void> {
    await this.applying;
    this.applying = this.commit(batch);
    // Waited for before the next batch, and at the end of the last group that waits.
    this.applying.catch(() => undefined);
  }

  private async commit(batch: Batch): Promise<void> {
    this.inFlight = true;
    try {
      await this.applier.apply(batch, this.signal);
    } finally {
      this.inFlight = false;
    }
    this.unwritten = null;
    this.reached(batch);
  }

  private reached(batch: Batch): void {
    const { generation } = this.applier.checkpoint.position;
    this.options.observer.reached({ generation, revision: batch.revision }, batch.time);
    this.options.onReached?.(batch.time);
    if (this.pending === null || batch.revision < this.pending.revision) return;
    this.pending.done();
    this.pending = null;
  }
}
