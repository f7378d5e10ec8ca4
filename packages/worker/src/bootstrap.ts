import type { Checkpoint, Destination, Logger, SnapshotRef, SnapshotStore, Write } from '@tidemark/core';
import { commit } from './applier.js';
import type { Difference } from './difference.js';
import type { WorkerObserver } from './observer.js';
import { countDifferences, type DifferenceCount, routeDifference, type SourceCopy } from './reconcile.js';
import type { Route } from './routes.js';
import { WriteStream } from './write-stream.js';

export interface BootstrapOptions {
  readonly destination: Destination;
  readonly routes: readonly Route[];
  /** Fingerprint of the routes, for the checkpoint. */
  readonly filter: string;
  readonly snapshots: SnapshotStore;
  readonly observer: WorkerObserver;
  readonly logger: Logger;
}

/** From what to what a destination is brought. */
export interface BootstrapTask {
  /** The checkpoint found at the destination, null when it has none. */
  readonly from: Checkpoint | null;
  readonly journal: string;
  readonly snapshot: SnapshotRef;
}

/**
 * Brings a destination to a snapshot's position by writing only what differs; nothing is cleared first. Order: count,
 * mark the checkpoint, put, delete, move the checkpoint. Every write is guarded by the mark, which is new for each
 * attempt, so a worker that was replaced can neither put nor delete. A restart begins again and finds less to do.
 *
 * @returns the checkpoint the destination has now
 * @throws FencedError when another worker is at it
 */
export async function bootstrap(
  options: BootstrapOptions,
  task: BootstrapTask,
  signal: AbortSignal,
): Promise<Checkpoint> {
  const { destination, routes, filter, snapshots, observer, logger } = options;
  const { snapshot, journal, from } = task;
  const copy: SourceCopy = { read: (range, stop) => snapshots.open(snapshot.id, range, stop) };
  const plan = (await isEmpty(options, signal))
    ? null
    : await countDifferences(routes, copy, await destination.view(signal), signal);
  logger.info(
    { ...snapshot.position, snapshot: snapshot.id, plan: plan ?? 'destination is empty' },
    'bringing the destination to a snapshot',
  );

  const mark: Checkpoint = {
    journal,
    position: from?.position ?? { generation: 0, revision: 0 },
    filter,
    resync: { snapshot: snapshot.id, target: snapshot.position, attempt: (from?.resync?.attempt ?? 0) + 1 },
    partial: null,
  };
  await commit(destination, { writes: [], expected: from, next: mark }, observer, signal);
  for (const kinds of passes(plan)) await writeDifferences(options, { copy, mark, kinds }, signal);

  const arrived: Checkpoint = { journal, position: snapshot.position, filter, resync: null, partial: null };
  await commit(destination, { writes: [], expected: mark, next: arrived }, observer, signal);
  observer.reached(arrived.position, snapshot.createdAt);
  logger.info({ ...arrived.position }, 'the destination is at the snapshot');
  return arrived;
}

type Kinds = readonly Difference['kind'][];

/** Puts before deletes: a reader never finds less than before or after. Without a plan the destination was empty. */
function passes(plan: DifferenceCount | null): Kinds[] {
  const puts: Kinds = ['missing', 'different'];
  if (plan === null) return [puts];
  return [...(plan.missing + plan.different > 0 ? [puts] : []), ...(plan.extra > 0 ? [['extra'] as const] : [])];
}

async function isEmpty({ destination, routes }: BootstrapOptions, signal: AbortSignal): Promise<boolean> {
  const view = await destination.view(signal);
  for (const route of routes) {
    for await (const page of view.range(route.destinationRange, signal)) {
      if (page.some((item) => route.owns(item.key))) return false;
    }
  }
  return true;
}

async function writeDifferences(
  options: BootstrapOptions,
  pass: { copy: SourceCopy; mark: Checkpoint; kinds: Kinds },
  signal: AbortSignal,
): Promise<void> {
  const { destination, routes, observer } = options;
  const stream = new WriteStream(destination.limits, (writes) =>
    commit(destination, { writes, expected: pass.mark, next: pass.mark }, observer, signal),
  );
  const view = await destination.view(signal);
  for (const route of routes) {
    for await (const differences of routeDifference(route, pass.copy, view, signal)) {
      for (const found of differences) {
        if (pass.kinds.includes(found.kind)) await stream.write(toWrite(found));
      }
    }
  }
  await stream.end();
}

function toWrite(found: Difference): Write {
  return found.kind === 'extra'
    ? { kind: 'delete', key: found.key }
    : { kind: 'put', key: found.key, value: found.value };
}
