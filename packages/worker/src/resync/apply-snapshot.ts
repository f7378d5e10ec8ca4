import {
  type Checkpoint,
  type DestinationReader,
  eventLoopTurn,
  type Fence,
  type Logger,
  type SnapshotReader,
  type SnapshotRef,
  TidemarkError,
  type Write,
} from '@tidemark/core';
import type { Difference } from '../compare/difference.js';
import { type Comparison, differences, type SourceCopy, wantedItems } from '../compare/reconcile.js';
import type { Filter } from '../routes/filter.js';
import { commit } from '../write/commit.js';
import type { TrackedWriter } from '../write/tracked-writer.js';
import type { ResyncObserver } from './observer.js';
import { makePlan, type Plan } from './plan.js';
import { WriteStream } from './write-stream.js';

/** The destination has changed since the resync was planned, perhaps approved. */
class PlanOutdatedError extends TidemarkError {
  readonly code = 'PLAN_OUTDATED';
}

export interface SnapshotOptions {
  readonly destination: DestinationReader;
  readonly writer: TrackedWriter;
  readonly filter: Filter;
  readonly snapshots: SnapshotReader;
  readonly observer: ResyncObserver;
  readonly logger: Logger;
}

/** From what to what a destination is brought. */
export interface ResyncTask {
  /** The checkpoint found at the destination, null when it has none. */
  readonly from: Checkpoint | null;
  /** The routes under which it was written, where they are others than now, and known. */
  readonly former: Filter | null;
  /** Identity of the journal. */
  readonly journal: string;
  readonly snapshot: SnapshotRef;
}

/** What a resync will do, and what was looked at for it. */
export interface PlannedResync {
  /** Null when the destination is empty, and gets all of the snapshot. */
  readonly plan: Plan | null;
  /** See `DestinationView.run`. */
  readonly viewedRun: string | null;
}

export async function planResync(
  options: SnapshotOptions,
  { snapshot, former }: ResyncTask,
  signal: AbortSignal,
): Promise<PlannedResync> {
  const { destination, filter } = options;
  const view = await destination.view(signal);
  const comparison = { copy: copyOf(options, snapshot), view, filter, former };
  const empty = former === null && (await isEmpty(comparison, signal));
  const plan = empty ? null : await makePlan(comparison, signal);
  // What was read ends quietly when aborted: half of a comparison is no plan.
  signal.throwIfAborted();
  return { plan, viewedRun: view.run };
}

/**
 * Brings a destination to a snapshot's position by writing only what differs; nothing is cleared first. Order: put a
 * guard into the checkpoint, put, delete, move the checkpoint. Every write compares the guard, which is new for each attempt,
 * so a worker that was replaced can neither put nor delete. A restart begins again and finds less to do.
 *
 * @param planned from `planResync`: what there is to do, and whether there is anything to delete
 * @returns the checkpoint the destination has now
 * @throws FencedError when another worker is at it
 */
export async function applySnapshot(
  options: SnapshotOptions,
  task: ResyncTask & { readonly fence: Fence },
  { plan, viewedRun }: PlannedResync,
  signal: AbortSignal,
): Promise<Checkpoint> {
  const { writer, filter, observer, logger } = options;
  const { snapshot, journal, from, fence } = task;
  logger.info(
    { ...snapshot.position, snapshot: snapshot.id, plan: plan === null ? 'destination is empty' : counts(plan) },
    'resync from a snapshot begins',
  );
  const guard: Checkpoint = {
    journal,
    position: from?.position ?? { generation: 0, revision: 0 },
    // Until it has arrived: a restart must still know under which routes it was written.
    filter: from?.filter ?? filter.fingerprint,
    resync: { snapshot: snapshot.id, target: snapshot.position, attempt: (from?.resync?.attempt ?? 0) + 1 },
    partial: null,
    fence,
  };
  await commit(writer, { writes: [], expected: from, next: guard, viewedRun }, observer, signal);
  if (plan === null) await writeAll(options, { task, guard }, signal);
  else for (const kinds of passes(plan)) await writeDifferences(options, { task, guard, kinds, plan }, signal);

  const { position } = snapshot;
  const arrived: Checkpoint = { journal, position, filter: filter.fingerprint, resync: null, partial: null, fence };
  await commit(writer, { writes: [], expected: guard, next: arrived }, observer, signal);
  observer.reached(arrived.position, snapshot.createdAt);
  logger.info({ ...arrived.position }, 'resync done: the destination is at the snapshot');
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

function copyOf({ snapshots }: SnapshotOptions, { id }: SnapshotRef): SourceCopy {
  return { read: (range, stop) => snapshots.open(id, range, stop) };
}

async function isEmpty({ view, filter }: Pick<Comparison, 'view' | 'filter'>, signal: AbortSignal): Promise<boolean> {
  for (const route of filter.routes) {
    for await (const page of view.range(route.destinationRange, signal)) {
      if (page.some((item) => route.owns(item.key))) return false;
    }
  }
  return true;
}

interface Pass {
  readonly task: ResyncTask;
  /** The checkpoint that every write compares. */
  readonly guard: Checkpoint;
}

/** To an empty destination: there is nothing to compare with. */
async function writeAll(options: SnapshotOptions, pass: Pass, signal: AbortSignal): Promise<void> {
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
  await writeThrough(options, { guard: pass.guard, writeItems }, signal);
}

async function writeDifferences(
  options: SnapshotOptions,
  pass: Pass & { kinds: Kinds; plan: Plan },
  signal: AbortSignal,
): Promise<void> {
  const { destination, filter } = options;
  const { task, guard, kinds, plan } = pass;
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
  await writeThrough(options, { guard, writeItems }, signal);
}

/** Everything that `writeItems` writes is committed when this resolves, and nothing is in flight when it rejects. */
async function writeThrough(
  { writer, observer }: SnapshotOptions,
  { guard, writeItems }: { readonly guard: Checkpoint; readonly writeItems: (stream: WriteStream) => Promise<void> },
  signal: AbortSignal,
): Promise<void> {
  const stream = new WriteStream(writer.limits, (writes) =>
    commit(writer, { writes, expected: guard, next: guard }, observer, signal),
  );
  try {
    await writeItems(stream);
    await stream.end();
  } finally {
    // What is in flight when something fails would otherwise arrive after a pause that says that nothing is written.
    await stream.drained();
  }
}

function planOutdated(planned: number): PlanOutdatedError {
  return new PlanOutdatedError({
    message: `More keys would be deleted than the ${planned} that were planned: somebody else wrote to the destination.`,
    remedy: 'None needed: Tidemark plans the resync again, and the brakes decide again.',
  });
}

function toWrite(found: Difference): Write {
  return found.kind === 'extra'
    ? { kind: 'delete', key: found.key }
    : { kind: 'put', key: found.key, value: found.value };
}
