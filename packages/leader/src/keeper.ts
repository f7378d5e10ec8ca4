import { type Clock, describeError, type JournalWriter, sleep, systemClock } from '@tidemark/core';
import { type BaseOptions, takeSnapshot } from './base.js';
import type { JournalHints } from './hint.js';

/** How often it is checked whether a snapshot is due, milliseconds: a store that lost its snapshots gets one soon. */
const SNAPSHOT_CHECK_MS = 60_000;
/** The journal's head is noted at most this often, milliseconds, */
const HINT_EVERY_MS = 60_000;
/** and only after so many revisions: the note itself, and other keys of ours, come back through the tail. */
const HINT_AFTER_REVISIONS = 100;

export interface KeeperOptions extends BaseOptions {
  readonly hints: JournalHints;
  /** Identity of the journal. */
  readonly journalId: string;
  readonly snapshotEveryMs: number;
  readonly progressEveryMs: number;
  readonly clock?: Clock;
}

/**
 * Care for the journal beside the pump, until `signal` aborts: scheduled snapshots, notes of its head, and progress
 * records that keep a quiet journal from ageing empty. A failure here is logged and tried again at the next turn: the
 * journal goes on without it.
 */
export async function keepJournal(options: KeeperOptions, writer: JournalWriter, signal: AbortSignal): Promise<void> {
  await Promise.all([
    keepSnapshots(options, writer, signal),
    keepFresh(options, writer, signal),
    keepHint(options, writer, signal),
  ]);
}

async function keepSnapshots(options: KeeperOptions, writer: JournalWriter, signal: AbortSignal): Promise<void> {
  const clock = options.clock ?? systemClock;
  const { snapshotEveryMs, journal } = options;
  while (!signal.aborted) {
    try {
      const newest = (await journal.snapshots.list(signal)).at(-1);
      const age = newest === undefined ? Number.POSITIVE_INFINITY : clock.wall() - newest.createdAt;
      if (age >= snapshotEveryMs) await takeSnapshot(options, writer, signal);
    } catch (error) {
      if (signal.aborted) return;
      options.logger.warn({ reason: describeError(error) }, 'the scheduled snapshot failed, the next turn tries again');
    }
    await sleep(Math.min(SNAPSHOT_CHECK_MS, snapshotEveryMs), signal);
  }
}

async function keepFresh(options: KeeperOptions, writer: JournalWriter, signal: AbortSignal): Promise<void> {
  let seen = writer.position?.revision;
  while (!signal.aborted) {
    await sleep(options.progressEveryMs, signal);
    const position = writer.position;
    if (signal.aborted || position === null) return;
    if (position.revision === seen) {
      // A failed append needs no handling here: it fails the pump's next append as well.
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
        options.logger.debug({ reason: describeError(error) }, 'the head of the journal was not noted');
      }
    }
    await sleep(HINT_EVERY_MS, signal);
  }
}
