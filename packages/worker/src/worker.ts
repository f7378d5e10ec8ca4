import {
  Backoff,
  comparePositions,
  type Destination,
  describeError,
  FencedError,
  type Journal,
  JournalChainBrokenError,
  type JournalInfo,
  JournalPositionLostError,
  type Logger,
  type SnapshotRef,
  TidemarkError,
} from '@tidemark/core';
import { bootstrap } from './bootstrap.js';
import { follow } from './follow.js';
import type { WorkerObserver } from './observer.js';
import type { Route } from './routes.js';

export interface WorkerOptions {
  readonly journal: Journal;
  readonly destination: Destination;
  readonly routes: readonly Route[];
  readonly observer: WorkerObserver;
  readonly logger: Logger;
}

/** Keeps one destination equal to the source under its routes, until `signal` aborts. Faults are retried for ever. */
export async function runWorker(options: WorkerOptions, signal: AbortSignal): Promise<void> {
  const { observer, logger } = options;
  const backoff = new Backoff({ initialMs: 100, maxMs: 10_000 });
  let trouble: string | null = null;
  let needsBase = false;
  observer.state('starting', null);
  while (!signal.aborted) {
    try {
      needsBase = await replicate(options, needsBase, signal);
      trouble = null;
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof FencedError) observer.fenced();
      needsBase = needsNewBase(error);
      const description = describeError(error);
      if (description !== trouble) logger.warn({ err: error }, 'applying stopped, will try again');
      trouble = description;
      observer.state('backing_off', error instanceof TidemarkError ? `${description} ${error.remedy}` : description);
      await backoff.wait(signal);
    }
  }
}

/** From the destination's checkpoint to the next reset or fault. Returns whether a new base is needed. */
async function replicate(options: WorkerOptions, needsBase: boolean, signal: AbortSignal): Promise<boolean> {
  const { journal, destination, observer, logger } = options;
  await journal.open(signal);
  const info = await journal.info(signal);
  const found = await destination.checkpoint(signal);
  let checkpoint = found;
  if (needsBase || checkpoint === null || checkpoint.resync !== null || checkpoint.journal !== info.id) {
    observer.state('bootstrapping', 'Waiting for a snapshot of the source.');
    const snapshot = await newestBase(journal, info, signal);
    if (snapshot === null) return false;
    observer.state('bootstrapping', `Writing what differs from snapshot ${snapshot.id}.`);
    checkpoint = await bootstrap(
      { ...options, snapshots: journal.snapshots },
      { from: found, journal: info.id, snapshot },
      signal,
    );
  }
  observer.state('streaming', null);
  logger.info({ ...checkpoint.position }, 'applying from here');
  return (await follow(options, checkpoint, signal)) === 'reset';
}

/** History the destination needs is gone from the journal; anything else is tried again from the same checkpoint. */
function needsNewBase(error: unknown): boolean {
  return error instanceof JournalPositionLostError || error instanceof JournalChainBrokenError;
}

/**
 * The newest snapshot that the journal has announced. One that lies ahead of the journal's end belongs to a reset that
 * is not written yet and may never be. Without any, waits for the first reset; null when aborted meanwhile.
 */
async function newestBase(journal: Journal, info: JournalInfo, signal: AbortSignal): Promise<SnapshotRef | null> {
  const { last } = info;
  if (last !== null) {
    const snapshots = (await journal.snapshots.list(signal)).filter(
      ({ position }) => comparePositions(position, last.position) <= 0,
    );
    const newest = snapshots.toSorted((a, b) => comparePositions(a.position, b.position)).at(-1);
    if (newest !== undefined) return newest;
  }
  for await (const { record } of journal.read('oldest', signal)) {
    if (record.kind === 'reset') return record.snapshot;
  }
  return null;
}
