import type { Checkpoint, Destination, Source, Write } from '@tidemark/core';
import { commit } from '../apply/applier.js';
import { splitWrites } from '../apply/split.js';
import type { WorkerObserver } from '../observer.js';
import type { Filter } from '../routes.js';
import type { Amendments } from './amendments.js';
import { wantedValue } from './wanted-value.js';

export interface RepairOptions {
  readonly source: Pick<Source, 'read'>;
  readonly destination: Destination;
  readonly filter: Filter;
  readonly observer: WorkerObserver;
  readonly amendments: Amendments;
}

export interface RepairReport {
  readonly puts: number;
  readonly deletes: number;
}

/**
 * Makes some keys of a destination equal to the source at its checkpoint. Each is looked at again, and only what differs
 * is written. The position stays where it is; the checkpoint gets another fence, so that a destination that loses the repair
 * is seen to have gone back.
 *
 * @returns what was written, and the checkpoint the destination has now
 * @throws FencedError when the checkpoint is another one than believed
 * @throws SourceCompactedError when the source no longer has that revision
 */
export async function repair(
  options: RepairOptions,
  { checkpoint, keys }: { checkpoint: Checkpoint; keys: readonly Buffer[] },
  signal: AbortSignal,
): Promise<{ report: RepairReport; checkpoint: Checkpoint }> {
  const { source, destination, filter, observer, amendments } = options;
  const { routes } = filter;
  const owned = keys.filter((key) => filter.owns(key));
  const report = { puts: 0, deletes: 0 };
  let expected = checkpoint;
  for (let from = 0; from < owned.length; from += destination.limits.maxWrites) {
    const some = owned.slice(from, from + destination.limits.maxWrites);
    const { values } = await destination.read(some, signal);
    const writes: Write[] = [];
    for (const [index, key] of some.entries()) {
      const wanted = await wantedValue({ source, routes }, { key, revision: checkpoint.position.revision }, signal);
      const found = values[index] ?? null;
      if (wanted === null && found !== null) writes.push({ kind: 'delete', key });
      if (wanted !== null && !(found?.equals(wanted) ?? false)) writes.push({ kind: 'put', key, value: wanted });
    }
    for (const run of writes.length === 0 ? [] : splitWrites(writes, destination.limits)) {
      const next = { ...expected, fence: await amendments.begin(expected, signal) };
      await commit(destination, { writes: run, expected, next }, observer, signal);
      amendments.done();
      expected = next;
      report.puts += run.filter(({ kind }) => kind === 'put').length;
      report.deletes += run.filter(({ kind }) => kind === 'delete').length;
    }
  }
  return { report, checkpoint: expected };
}
