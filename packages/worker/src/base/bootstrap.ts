import {
  type Checkpoint,
  type Destination,
  eventLoopTurn,
  type Fence,
  type Logger,
  type SnapshotRef,
  type SnapshotStore,
  TidemarkError,
  type Write,
} from '@tidemark/core';
import { commit } from '../apply/applier.js';
import type { Difference } from '../compare/difference.js';
import { differences, type SourceCopy, wantedItems } from '../compare/reconcile.js';
import type { WorkerObserver } from '../observer.js';
import type { Filter } from '../routes.js';
import { makePlan, type Plan } from './plan.js';
import { WriteStream } from './write-stream.js';

/** The destination has changed since its bootstrap was planned, perhaps approved. */
class PlanOutdatedError extends TidemarkError {
  readonly code = 'PLAN_OUTDATED';
}

export interface BootstrapOptions {
  readonly destination: Destination;
  readonly filter: Filter;
  readonly snapshots: SnapshotStore;
  readonly observer: WorkerObserver;
  readonly logger: Logger;
}

/** From what to what a destination is brought. */
export interface BootstrapTask {
  /** The checkpoint found at the destination, null when it has none. */
  readonly from: Checkpoint | null;
  /** The routes under which it was written, where they are others than now, and known. */
  readonly former: Filter | null;
  /** Identity of the journal. */
  readonly journal: string;
  readonly snapshot: SnapshotRef;
}

/** What a bootstrap will change; null when the destination is empty, and gets all of the snapshot. */
export async function planBootstrap(
  options: BootstrapOptions,
  { snapshot, former }: BootstrapTask,
  signal: AbortSignal,
): Promise<Plan | null> {
  const { destination, filter } = options;
  const comparison = { copy: copyOf(options, snapshot), view: await destination.view(signal), filter, former };
  const empty = former === null && (await isEmpty(options, signal));
  const plan = empty ? null : await makePlan(comparison, signal);
  // What was read ends quietly when aborted: half of a comparison is no plan.
  signal.throwIfAborted();
  return plan;
}

/**
 * Brings a destination to a snapshot's position by writing only what differs; nothing is cleared first. Order: mark the
 * checkpoint, put, delete, move the checkpoint. Every write is guarded by the mark, which is new for each attempt, so a
 * worker that was replaced can neither put nor delete. A restart begins again and finds less to do.
 *
 * @param plan from `planBootstrap`: what there is to do, and whether there is anything to delete
 * @returns the checkpoint the destination has now
 * @throws FencedError when another worker is at it
 */
export async function bootstrap(
  options: BootstrapOptions,
  task: BootstrapTask & { readonly fence: Fence },
  plan: Plan | null,
  signal: AbortSignal,
): Promise<Checkpoint> {
  const { destination, filter, observer, logger } = options;
  const { snapshot, journal, from, fence } = task;
  logger.info(
    { ...snapshot.position, snapshot: snapshot.id, plan: plan === null ? 'destination is empty' : counts(plan) },
    'bringing the destination to a snapshot',
  );
  const mark: Checkpoint = {
    journal,
    position: from?.position ?? { generation: 0, revision: 0 },
    // Until it has arrived: a restart must still know under which routes it was written.
    filter: from?.filter ?? filter.fingerprint,
    resync: { snapshot: snapshot.id, target: snapshot.position, attempt: (from?.resync?.attempt ?? 0) + 1 },
    partial: null,
    fence,
  };
  await commit(destination, { writes: [], expected: from, next: mark }, observer, signal);
  if (plan === null) await writeAll(options, { task, mark }, signal);
  else for (const kinds of passes(plan)) await writeDifferences(options, { task, mark, kinds, plan }, signal);

  const { position } = snapshot;
  const arrived: Checkpoint = { journal, position, filter: filter.fingerprint, resync: null, partial: null, fence };
  await commit(destination, { writes: [], expected: mark, next: arrived }, observer, signal);
  observer.reached(arrived.position, snapshot.createdAt);
  logger.info({ ...arrived.position }, 'the destination is at the snapshot');
  return arrived;
}

type Kinds = readonly Difference['kind'][];

/** Puts before deletes: a reader never finds less than before or after. */
function passes(plan: Plan): Kinds[] {
  const puts: Kinds = ['missing', 'different'];
  return [...(plan.missing + plan.different > 0 ? [puts] : []), ...(plan.extra > 0 ? [['extra'] as const] : [])];
}

function counts({ compared, missing, different, extra }: Plan) {
  return { compared, missing, different, extra };
}

function copyOf({ snapshots }: BootstrapOptions, { id }: SnapshotRef): SourceCopy {
  return { read: (range, stop) => snapshots.open(id, range, stop) };
}

async function isEmpty({ destination, filter }: BootstrapOptions, signal: AbortSignal): Promise<boolean> {
  const view = await destination.view(signal);
  for (const route of filter.routes) {
    for await (const page of view.range(route.destinationRange, signal)) {
      if (page.some((item) => route.owns(item.key))) return false;
    }
  }
  return true;
}

interface Pass {
  readonly task: BootstrapTask;
  /** Guards every write. */
  readonly mark: Checkpoint;
}

/** To an empty destination: there is nothing to compare with. */
async function writeAll(options: BootstrapOptions, pass: Pass, signal: AbortSignal): Promise<void> {
  const copy = copyOf(options, pass.task.snapshot);
  const writeItems = async (stream: WriteStream) => {
    for (const route of options.filter.routes) {
      for await (const items of wantedItems(route, copy, signal)) {
        for (const { key, value } of items) {
          // Most need no wait, and a needless one for each of a million keys takes a while.
          const waiting = stream.write({ kind: 'put', key, value });
          if (waiting !== undefined) await waiting;
        }
        // What was handed to the destination leaves while the next keys are collected.
        await eventLoopTurn();
      }
    }
  };
  await writeThrough(options, { mark: pass.mark, writeItems }, signal);
}

async function writeDifferences(
  options: BootstrapOptions,
  pass: Pass & { kinds: Kinds; plan: Plan },
  signal: AbortSignal,
): Promise<void> {
  const { destination, filter } = options;
  const { task, mark, kinds, plan } = pass;
  let deletes = 0;
  const view = await destination.view(signal);
  const comparison = { copy: copyOf(options, task.snapshot), view, filter, former: task.former };
  const writeItems = async (stream: WriteStream) => {
    for await (const found of differences(comparison, signal)) {
      for (const each of found) {
        if (!kinds.includes(each.kind)) continue;
        if (each.kind === 'extra' && ++deletes > plan.extra) throw planOutdated(plan.extra);
        await stream.write(toWrite(each));
      }
    }
  };
  await writeThrough(options, { mark, writeItems }, signal);
}

/** Everything that `writeItems` writes is committed when this resolves, and nothing is under way when it rejects. */
async function writeThrough(
  { destination, observer }: BootstrapOptions,
  { mark, writeItems }: { readonly mark: Checkpoint; readonly writeItems: (stream: WriteStream) => Promise<void> },
  signal: AbortSignal,
): Promise<void> {
  const stream = new WriteStream(destination.limits, (writes) =>
    commit(destination, { writes, expected: mark, next: mark }, observer, signal),
  );
  try {
    await writeItems(stream);
    await stream.end();
  } finally {
    // What is under way when something fails would otherwise arrive after a pause that says that nothing is written.
    await stream.settled();
  }
}

function planOutdated(planned: number): PlanOutdatedError {
  return new PlanOutdatedError({
    message: `More keys would be deleted than the ${planned} that were planned: somebody else has written to the destination.`,
    remedy: 'None needed: it is planned anew, and the brakes decide again.',
  });
}

function toWrite(found: Difference): Write {
  return found.kind === 'extra'
    ? { kind: 'delete', key: found.key }
    : { kind: 'put', key: found.key, value: found.value };
}
