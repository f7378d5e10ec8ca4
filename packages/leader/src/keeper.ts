import {
  type Clock,
  comparePositions,
  describeError,
  type JournalHints,
  type JournalWriter,
  Scope,
  type SnapshotRequests,
  sleep,
  systemClock,
} from '@tidemark/core';
import { type GenerationOptions, isExtended, takeSnapshot } from './generation.js';
import { journalFault } from './journal-check.js';
import type { LeaderObserver } from './observer.js';
import type { SharedWriter } from './shared-writer.js';
import type { SnapshotQueue } from './snapshot-queue.js';

/** How often it is checked whether a snapshot is due, milliseconds: destinations may be waiting for one. */
const SNAPSHOT_CHECK_MS = 15_000;
/** How often it is checked that the journal still holds what was written, milliseconds. */
const CHECK_EVERY_MS = 2_000;
/** How often the snapshot requests of destinations are read, milliseconds. */
const REQUESTS_EVERY_MS = 2_000;
/** Least time between two writes of the journal hint, milliseconds. */
const HINT_EVERY_MS = 60_000;
/**
 * Least number of revisions between two writes of the journal hint. Where coordination lives in the source, the hint is a
 * revision of it and comes back through the tail: without this minimum a quiet source would get one every minute.
 */
const HINT_AFTER_REVISIONS = 100;
/** How often the source is asked how far it is compacted, milliseconds. */
const HEADROOM_EVERY_MS = 30_000;

export interface KeeperOptions extends GenerationOptions {
  readonly hints: JournalHints;
  readonly requests: SnapshotRequests;
  /** Identity of the journal. */
  readonly journalId: string;
  readonly snapshotQueue: SnapshotQueue;
  readonly observer: Pick<LeaderObserver, 'reset' | 'compacted'>;
  readonly snapshotEveryMs: number;
  readonly progressEveryMs: number;
  readonly clock?: Clock;
}

/**
 * Maintains the journal beside the pump, until `signal` aborts: takes scheduled snapshots, writes the journal hint,
 * and writes progress records that keep a quiet journal from ageing empty. A failure here is logged and tried again at
 * the next turn; journaling continues meanwhile.
 */
export async function keepJournal(options: KeeperOptions, writer: SharedWriter, signal: AbortSignal): Promise<void> {
  await Promise.all([
    checkJournal(options, writer, signal),
    keepSnapshots(options, writer, signal),
    keepFresh(options, writer, signal),
    keepHint(options, writer, signal),
    keepHeadroom(options, signal),
    serveRequests(options, writer, signal),
  ]);
}

async function checkJournal(options: KeeperOptions, writer: SharedWriter, signal: AbortSignal): Promise<void> {
  const { journal, journalId, logger } = options;
  while (!signal.aborted) {
    await sleep(CHECK_EVERY_MS, signal);
    const { stored } = writer;
    try {
      const fault = signal.aborted ? null : journalFault(await journal.info(signal), journalId, stored);
      if (fault !== null) writer.fail(fault);
    } catch (error) {
      if (signal.aborted) return;
      logger.debug({ reason: describeError(error) }, 'the end of the journal could not be read');
    }
  }
}

async function keepSnapshots(options: KeeperOptions, writer: JournalWriter, signal: AbortSignal): Promise<void> {
  const { snapshotEveryMs, snapshotQueue } = options;
  const close = snapshotQueue.serve();
  try {
    while (!signal.aborted) {
      await snapshotIfDue(options, writer, signal);
      await waitForTurn(snapshotQueue, Math.min(SNAPSHOT_CHECK_MS, snapshotEveryMs), signal);
    }
  } finally {
    close();
  }
}

async function snapshotIfDue(options: KeeperOptions, writer: JournalWriter, signal: AbortSignal): Promise<void> {
  const { snapshotEveryMs, snapshotQueue, journal, observer, logger } = options;
  const clock = options.clock ?? systemClock;
  try {
    const newest = (await journal.snapshots.list(signal)).at(-1);
    // The journal has records and no snapshot: the snapshot was lost, and new destinations have nothing to begin with.
    // History goes on, and no reset is written. It is counted as one, so that an alert on resets reports the loss.
    if (newest === undefined && writer.position !== null) observer.reset('snapshot_missing');
    const { first } = await journal.info(signal);
    // A destination can resync only from a snapshot that the journal still continues from.
    const usable = newest !== undefined && first !== null && isExtended(newest, first);
    const due = !usable || clock.wall() - newest.createdAt >= snapshotEveryMs;
    if (due || snapshotQueue.ordered) snapshotQueue.deliver(await takeSnapshot(options, writer, signal));
  } catch (error) {
    snapshotQueue.refuse(error);
    if (!signal.aborted)
      logger.warn({ reason: describeError(error) }, 'no snapshot taken, trying again at the next turn');
  }
}

/** Orders the snapshots that destinations have requested, on whichever node they run. */
async function serveRequests(
  { requests, journal, snapshotQueue, logger }: KeeperOptions,
  writer: JournalWriter,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    await sleep(REQUESTS_EVERY_MS, signal);
    try {
      const { position } = writer;
      const all = signal.aborted || position === null ? [] : await requests.all(signal);
      // A destination can be ahead of a journal that lost its end: no snapshot of the present helps it.
      const wanted = all.filter((at) => position !== null && comparePositions(at, position) <= 0);
      if (wanted.length === 0) continue;
      const newest = (await journal.snapshots.list(signal)).at(-1);
      const unmet = wanted.some((at) => newest === undefined || comparePositions(newest.position, at) < 0);
      if (unmet) await snapshotQueue.order();
    } catch (error) {
      if (signal.aborted) return;
      logger.debug({ reason: describeError(error) }, 'a requested snapshot is not taken yet');
    }
  }
}

async function waitForTurn(queue: SnapshotQueue, ms: number, signal: AbortSignal): Promise<void> {
  const scope = Scope.within(ms, signal);
  await queue.whenOrdered(scope.signal);
  scope.end();
}

async function keepFresh(options: KeeperOptions, writer: JournalWriter, signal: AbortSignal): Promise<void> {
  let seen = writer.position?.revision;
  while (!signal.aborted) {
    await sleep(options.progressEveryMs, signal);
    const position = writer.position;
    if (signal.aborted || position === null) return;
    if (position.revision === seen) {
      // Only logged: SharedWriter ends the attempt after a failed append.
      await writer.append({ kind: 'progress', ...position }).catch((error: unknown) => {
        options.logger.debug({ reason: describeError(error) }, 'progress record not written');
      });
    }
    seen = position.revision;
  }
}

async function keepHint(options: KeeperOptions, writer: JournalWriter, signal: AbortSignal): Promise<void> {
  let noted = 0;
  while (!signal.aborted) {
    const position = writer.position;
    if (position !== null && position.revision >= noted + HINT_AFTER_REVISIONS) {
      try {
        await options.hints.write({ journal: options.journalId, position }, signal);
        noted = position.revision;
      } catch (error) {
        if (signal.aborted) return;
        options.logger.debug({ reason: describeError(error) }, 'the journal hint could not be written');
      }
    }
    await sleep(HINT_EVERY_MS, signal);
  }
}

async function keepHeadroom(options: KeeperOptions, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      options.observer.compacted(await options.source.compactedRevision(signal));
    } catch (error) {
      if (signal.aborted) return;
      options.logger.debug({ reason: describeError(error) }, 'the compacted revision of the source could not be read');
    }
    await sleep(HEADROOM_EVERY_MS, signal);
  }
}
