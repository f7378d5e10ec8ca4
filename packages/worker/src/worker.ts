import {
  Backoff,
  type Checkpoint,
  comparePositions,
  type Destination,
  describeError,
  FencedError,
  type Journal,
  JournalChainBrokenError,
  type JournalInfo,
  JournalPositionLostError,
  type Logger,
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
  readonly facts: SharedFacts;
  readonly observer: WorkerObserver;
  readonly logger: Logger;
}

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

  constructor(private readonly options: WorkerOptions) {
    this.holds = new Holds(options.facts, options.name);
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
    return !this.needsBase && found !== null && found.resync === null && found.journal === info.id;
  }

  /** Brings the destination to the newest snapshot by difference. Null when aborted, or when the base has to be chosen anew. */
  private async rebase(found: Checkpoint | null, info: JournalInfo, signal: AbortSignal): Promise<Checkpoint | null> {
    const { journal, observer } = this.options;
    observer.state('bootstrapping', 'Waiting for a snapshot of the source.');
    const snapshot = await newestBase(journal, info, signal);
    if (snapshot === null || !(await this.mayFollow(found, snapshot, signal))) return null;
    observer.state('bootstrapping', `Writing what differs from snapshot ${snapshot.id}.`);
    const parts = { ...this.options, snapshots: journal.snapshots };
    const checkpoint = await bootstrap(parts, { from: found, journal: info.id, snapshot }, signal);
    if (snapshot.rewind !== null) await this.holds.clear(signal);
    return checkpoint;
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
      if (signal.aborted || (await newestBase(journal, await journal.info(signal), signal))?.id !== base.id)
        return false;
      approval = await this.holds.approved(hold.id, signal);
    }
    logger.warn({ hold: hold.id, by: approval.by, at: approval.at }, 'approved: following the rewound source');
    return true;
  }
}

/**
 * The newest snapshot that the journal has announced. One that lies ahead of the journal's end belongs to a reset that
 * is not written yet and may never be. Without any, waits for the first reset; null when aborted meanwhile.
 */
async function newestBase(journal: Journal, info: JournalInfo, signal: AbortSignal): Promise<SnapshotRef | null> {
  const { last } = info;
  if (last !== null) {
    const announced = (await journal.snapshots.list(signal)).filter(
      ({ position }) => comparePositions(position, last.position) <= 0,
    );
    const newest = announced.toSorted((a, b) => comparePositions(a.position, b.position)).at(-1);
    if (newest !== undefined) return newest;
  }
  for await (const { record } of journal.read('oldest', signal)) {
    if (record.kind === 'reset') return record.snapshot;
  }
  return null;
}
