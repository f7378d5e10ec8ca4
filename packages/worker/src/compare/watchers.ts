import {
  Backoff,
  type DestinationReader,
  describeError,
  type ForeignWrite,
  type Logger,
  printableKey,
  Scope,
  type SourceReader,
  sleep,
} from '@tidemark/core';
import type { Filter } from '../routes/filter.js';
import type { CompareObserver } from './observer.js';
import type { RepairReport } from './repair.js';
import { type VerifyReport, verify } from './verify.js';

/** A stranger who writes all the time is logged this often, milliseconds. */
const LOG_EVERY_MS = 60_000;
/** Keys that strangers wrote are repaired together, this often at most: each repair interrupts replication. Milliseconds. */
const REPAIR_EVERY_MS = 500;
/** Milliseconds between two looks whether the destination is being brought up. */
const LOOK_EVERY_MS = 200;
/** Keys repaired without being asked; when more differ, somebody should know why first. */
const MAX_AUTOMATIC_REPAIRS = 1000;

export interface WatcherOptions {
  readonly destination: DestinationReader;
  readonly filter: Filter;
  readonly source: SourceReader;
  readonly observer: CompareObserver;
  readonly logger: Logger;
  /** Milliseconds between two comparisons; null for none. */
  readonly verifyEveryMs: number | null;
  /**
   * Whether so much is being written that the watch rests: it is sent all of that back, which costs a first resync and a
   * backlog a good part of their speed. Comparisons find what strangers do meanwhile.
   */
  readonly busy: () => boolean;
  /** Null when nothing is to be repaired without being asked. */
  readonly repair: ((keys: readonly Buffer[]) => Promise<RepairReport>) | null;
}

/** Looks for writes that are not ours, until `signal` aborts; as far as the destination knows. */
export async function watchForeignWrites(options: WatcherOptions, signal: AbortSignal): Promise<void> {
  const written = new Map<string, Buffer>();
  await Promise.all([seeForeignWrites(options, written, signal), repairWritten(options, written, signal)]);
}

async function seeForeignWrites(
  options: WatcherOptions,
  written: Map<string, Buffer>,
  signal: AbortSignal,
): Promise<void> {
  const { destination, filter, observer, logger } = options;
  const ranges = filter.routes.map((route) => route.destinationRange);
  const backoff = new Backoff({ initialMs: 200, maxMs: 10_000 });
  let logged = Number.NEGATIVE_INFINITY;
  while (!signal.aborted) {
    if (options.busy()) {
      await sleep(LOOK_EVERY_MS, signal);
      continue;
    }
    const scope = new Scope(signal);
    const resting = restWhenBusy(options, scope);
    try {
      const watching = destination.foreignWrites(ranges, scope.signal);
      if (watching === null) return;
      for await (const writes of watching) {
        const foreign = writes.filter(({ key }) => filter.owns(key));
        if (foreign.length === 0) continue;
        observer.foreign(foreign);
        if (performance.now() - logged > LOG_EVERY_MS) {
          logged = performance.now();
          logger.warn({ writes: foreign.length, keys: named(foreign) }, 'somebody else writes to this destination');
        }
        remember(written, foreign);
      }
    } catch (error) {
      // Broken off by the scope it was no failure: to rest often must not lead to long pauses.
      if (scope.signal.aborted) continue;
      logger.debug({ reason: describeError(error) }, 'foreign writes are not seen now');
      await backoff.wait(signal);
    } finally {
      scope.end();
      await resting;
    }
  }
}

async function restWhenBusy({ busy }: WatcherOptions, scope: Scope): Promise<void> {
  while (!scope.signal.aborted && !busy()) await sleep(LOOK_EVERY_MS, scope.signal);
  scope.end();
}

/** One key more than is repaired without being asked is enough: then somebody has to look. */
function remember(written: Map<string, Buffer>, foreign: readonly ForeignWrite[]): void {
  for (const { key } of foreign) {
    if (written.size <= MAX_AUTOMATIC_REPAIRS) written.set(key.toString('latin1'), key);
  }
}

/** Beside the watch, so that what strangers do goes on being seen. */
async function repairWritten(
  options: WatcherOptions,
  written: Map<string, Buffer>,
  signal: AbortSignal,
): Promise<void> {
  while (options.repair !== null && !signal.aborted) {
    await sleep(REPAIR_EVERY_MS, signal);
    if (written.size === 0 || signal.aborted) continue;
    const keys = [...written.values()];
    written.clear();
    await repairAll(options, keys);
  }
}

/** Compares with the source now and then, until `signal` aborts. */
export async function verifyRegularly(options: WatcherOptions, signal: AbortSignal): Promise<void> {
  const { destination, filter, source, observer, logger, verifyEveryMs } = options;
  if (verifyEveryMs === null) return;
  while (!signal.aborted) {
    await sleep(verifyEveryMs, signal);
    if (signal.aborted) return;
    try {
      const report = await verify(source, destination, filter, signal);
      observer.verified(report);
      if (driftOf(report) === 0) continue;
      const { missing, different, extra } = report;
      logger.warn({ ...report.position, missing, different, extra }, 'the destination differs from the source');
      const keys = report.keys.map(({ key }) => key);
      await repairAll(options, keys, driftOf(report));
    } catch (error) {
      if (!signal.aborted) logger.warn({ reason: describeError(error) }, 'the destination could not be compared');
    }
  }
}

/** Keys that differ. */
export function driftOf({ missing, different, extra }: VerifyReport): number {
  return missing + different + extra;
}

/** @param differing how many keys differ: a report lists only the first of them */
async function repairAll(
  { repair, logger }: WatcherOptions,
  keys: readonly Buffer[],
  differing = keys.length,
): Promise<void> {
  if (repair === null) return;
  if (differing > MAX_AUTOMATIC_REPAIRS) {
    logger.warn({ keys: differing, limit: MAX_AUTOMATIC_REPAIRS }, 'too many keys to repair without being asked');
    return;
  }
  try {
    logger.info({ ...(await repair(keys)) }, 'repaired');
  } catch (error) {
    logger.warn({ reason: describeError(error) }, 'not repaired');
  }
}

function named(writes: readonly ForeignWrite[]): string[] {
  return writes.slice(0, 3).map(({ key }) => printableKey(key));
}
