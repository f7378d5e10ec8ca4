import { type Clock, describeError, type JournalWriter, sleep, systemClock } from '@tidemark/core';
import { type BaseOptions, takeSnapshot } from './base.js';

export interface KeeperOptions extends BaseOptions {
  readonly snapshotEveryMs: number;
  readonly progressEveryMs: number;
  readonly clock?: Clock;
}

/**
 * Care for the journal beside the pump, until `signal` aborts: scheduled snapshots, and progress records that keep a
 * quiet journal from ageing empty. A failed snapshot is logged and tried again at the next turn: the journal goes on
 * without it. A failed append needs no handling here, it fails the pump's next append as well.
 */
export async function keepJournal(options: KeeperOptions, writer: JournalWriter, signal: AbortSignal): Promise<void> {
  await Promise.all([keepSnapshots(options, writer, signal), keepFresh(options, writer, signal)]);
}

async function keepSnapshots(options: KeeperOptions, writer: JournalWriter, signal: AbortSignal): Promise<void> {
  const clock = options.clock ?? systemClock;
  while (!signal.aborted) {
    try {
      const newest = (await options.journal.snapshots.list(signal)).at(-1);
      const age = newest === undefined ? Number.POSITIVE_INFINITY : clock.wall() - newest.createdAt;
      if (age >= options.snapshotEveryMs) await takeSnapshot(options, writer, signal);
      await sleep(Math.min(options.snapshotEveryMs, Math.max(1000, options.snapshotEveryMs - age)), signal);
    } catch (error) {
      if (signal.aborted) return;
      options.logger.warn({ reason: describeError(error) }, 'the scheduled snapshot failed, the next turn tries again');
      await sleep(options.snapshotEveryMs / 10, signal);
    }
  }
}

async function keepFresh(options: KeeperOptions, writer: JournalWriter, signal: AbortSignal): Promise<void> {
  let seen = writer.position?.revision;
  while (!signal.aborted) {
    await sleep(options.progressEveryMs, signal);
    const position = writer.position;
    if (signal.aborted || position === null) return;
    if (position.revision === seen) {
      await writer.append({ kind: 'progress', ...position }).catch((error: unknown) => {
        options.logger.debug({ reason: describeError(error) }, 'progress record not written');
      });
    }
    seen = position.revision;
  }
}
