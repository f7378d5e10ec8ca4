import {
  Backoff,
  type Checkpoint,
  comparePositions,
  type Destination,
  describeError,
  FencedError,
  type Journal,
  JournalChainBrokenError,
  JournalHints,
  type JournalInfo,
  JournalPositionLostError,
  type Logger,
  type Position,
  type SharedFacts,
  type SnapshotRef,
  TidemarkError,
} from '@tidemark/core';
import { bootstrap } from './bootstrap.js';
import { follow } from './follow.js';
import { Holds, rewindHold } from './hold.js';
import type { WorkerObserver } from './observer.js';
import type { Route } from './routes.js';

export interface WorkerOptions {
  /** Name of the destination. */
  readonly name: string;
  readonly journal: Journal;
  readonly destination: Destination;
  readonly routes: readonly Route[];
  /** Fingerprint of the routes, see `fingerprint`. */
  readonly filter: string;
  readonly facts: SharedFacts;
  readonly observer: WorkerObserver;
  readonly logger: Logger;
}

/** Milliseconds between two looks for a snapshot to begin with: a first start waits for one, and should not wait long. */
const BASE_POLL = { initialMs: 20, maxMs: 1_000 };

/** Keeps one destination equal to the source under its routes, until `signal` aborts. Faults are retried for ever. */
export async function runWorker(options: WorkerOptions, signal: AbortSignal): Promise<void> {
  const { observer, logger } = options;
  const backoff = new Backoff({ initialMs: 100, maxMs: 10_000 });
  const worker = new Worker(options);
  let trouble: string | null = null;
  observer.state('starting', null);
  while (!signal.aborted) {
    try {
      await worker.replicate(signal);
      trouble = null;
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof FencedError) observer.fenced();
      worker.failed(error);
      const description = describeError(error);
      if (description !== trouble) logger.warn({ err: error }, 'applying stopped, will try again');
      trouble = description;
      observer.state('backing_off', error instanceof TidemarkError ? `${description} ${error.remedy}` : description);
      await backoff.wait(signal);
    }
  }
}

class Worker {
  /** The journal cannot bring the destination further from where it stands. */
  private needsBase = false;
  private readonly holds: Holds;
  private readonly hints: JournalHints;

  constructor(private readonly options: WorkerOptions) {
    this.holds = new Holds(options.facts, options.name);
    this.hints = new JournalHints(options.facts);
  }

  /** From the destination's checkpoint to the next reset or fault. */
  async replicate(signal: AbortSignal): Promise<void> {
    const { journal, destination, observer, logger } = this.options;
    await journal.open(signal);
    const info = await journal.info(signal);
    const found = await destination.checkpoint(signal);
    if (found !== null) observer.stands(found.position);
    const checkpoint = this.canFollow(found, info) ? found : await this.rebase(found, info, signal);
    if (checkpoint === null) return;
    this.needsBase = false;
    observer.state('streaming', null);
    logger.info({ ...checkpoint.position }, 'applying from here');
    this.needsBase = (await follow(this.options, checkpoint, signal)) === 'reset';
  }

  /** History the destination needs is gone from the journal; after anything else the same checkpoint is tried again. */
  failed(error: unknown): void {
    this.needsBase = error instanceof JournalPositionLostError || error instanceof JournalChainBrokenError;
  }

  private canFollow(found: Checkpoint | null, info: JournalInfo): found is Checkpoint {
    return (
      !this.needsBase &&
      found !== null &&
      found.resync === null &&
      found.journal === info.id &&
      found.filter === this.options.filter
    );
  }

  /** Brings the destination to the newest snapshot by difference. Null when aborted, or when the base has to be chosen anew. */
  private async rebase(found: Checkpoint | null, info: JournalInfo, signal: AbortSignal): Promise<Checkpoint | null> {
    const { journal, observer } = this.options;
    observer.state('bootstrapping', 'Waiting for a snapshot of the source.');
    const snapshot = await this.newestBase(placeIn(info, found), signal);
    if (snapshot === null || !(await this.mayFollow(found, snapshot, signal))) return null;
    observer.state('bootstrapping', `Writing what differs from snapshot ${snapshot.id}.`);
    const parts = { ...this.options, snapshots: journal.snapshots };
    const checkpoint = await bootstrap(parts, { from: found, journal: info.id, snapshot }, signal);
    if (snapshot.rewind !== null) await this.holds.clear(signal);
    return checkpoint;
  }

  /**
   * The snapshot to begin with. Waits until there is one; null when aborted meanwhile. A journal that its leader has not
   * taken over yet is not believed: it may be an older one that was put back, and its content would take changes back.
   *
   * @param known where the destination stands in this journal, null when it does not
   */
  private async newestBase(known: Position | null, signal: AbortSignal): Promise<SnapshotRef | null> {
    const { journal } = this.options;
    const poll = new Backoff(BASE_POLL);
    while (!signal.aborted) {
      const info = await journal.info(signal);
      const hint = await this.hints.read(signal);
      const current = hint === null || hint.journal === info.id;
      const base = current ? await newestUsable(journal, info, known, signal) : null;
      if (base !== null) return base;
      await poll.wait(signal);
    }
    return null;
  }

  /**
   * Waits for approval where the base lies behind a rewind. False when aborted, or when another base became the newest
   * one meanwhile: what is approved is exactly what was shown.
   */
  private async mayFollow(found: Checkpoint | null, base: SnapshotRef, signal: AbortSignal): Promise<boolean> {
    const { journal, observer, logger, name } = this.options;
    const info = await journal.info(signal);
    const due = rewindHold(found, base, info.id);
    if (due === null) return true;
    const hold = await this.holds.note(due, signal);
    let approval = await this.holds.approved(hold.id, signal);
    if (approval === null) logger.warn({ ...hold }, 'held: the source was rewound');
    while (approval === null) {
      observer.held(hold, `${hold.evidence} Nothing is written until \`tidemark approve ${name}\`.`);
      await this.holds.pause(signal);
      if (signal.aborted || (await this.newestBase(placeIn(info, found), signal))?.id !== base.id) return false;
      approval = await this.holds.approved(hold.id, signal);
    }
    logger.warn({ hold: hold.id, by: approval.by, at: approval.at }, 'approved: following the rewound source');
    return true;
  }
}

/**
 * Where a destination stands in this journal, or is being brought to; null when its checkpoint is of another journal, or
 * it has none. While it is brought to a snapshot, its position may still be one of the journal before.
 */
function placeIn(info: JournalInfo, found: Checkpoint | null): Position | null {
  if (found?.journal !== info.id) return null;
  return found.resync?.target ?? found.position;
}

/** The newest snapshot that has been announced, and that the journal leads on from, at `known` or behind it. */
async function newestUsable(journal: Journal, info: JournalInfo, known: Position | null, signal: AbortSignal) {
  const { first, last } = info;
  if (first === null || last === null) return null;
  const oldest = { ...first.position, revision: first.previous };
  const from = known !== null && comparePositions(known, oldest) > 0 ? known : oldest;
  // One ahead of the journal's end belongs to a reset that is not written yet and may never be.
  const usable = (await journal.snapshots.list(signal)).filter(
    ({ position }) => comparePositions(position, from) >= 0 && comparePositions(position, last.position) <= 0,
  );
  return usable.toSorted((a, b) => comparePositions(a.position, b.position)).at(-1) ?? null;
}
