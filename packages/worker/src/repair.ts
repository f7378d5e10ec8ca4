import { type Checkpoint, type Destination, type KeyValue, keyAfter, type Source, type Write } from '@tidemark/core';
import { commit } from './applier.js';
import type { WorkerObserver } from './observer.js';
import type { Filter } from './routes.js';
import { splitWrites } from './split.js';

export interface RepairOptions {
  readonly source: Pick<Source, 'read'>;
  readonly destination: Destination;
  readonly filter: Filter;
  readonly observer: WorkerObserver;
}

export interface RepairReport {
  readonly puts: number;
  readonly deletes: number;
}

/**
 * Makes some keys of a destination equal to the source at its checkpoint. Each is looked at again, and only what differs
 * is written; the checkpoint stays where it is, and guards the writes.
 *
 * @throws FencedError when the checkpoint is another one than believed
 * @throws SourceCompactedError when the source no longer has that revision
 */
export async function repair(
  options: RepairOptions,
  { checkpoint, keys }: { checkpoint: Checkpoint; keys: readonly Buffer[] },
  signal: AbortSignal,
): Promise<RepairReport> {
  const { destination, filter, observer } = options;
  const owned = keys.filter((key) => filter.owns(key));
  const report = { puts: 0, deletes: 0 };
  for (let from = 0; from < owned.length; from += destination.limits.maxWrites) {
    const some = owned.slice(from, from + destination.limits.maxWrites);
    const { values } = await destination.read(some, signal);
    const writes: Write[] = [];
    for (const [index, key] of some.entries()) {
      const wanted = await wantedValue(options, { key, revision: checkpoint.position.revision }, signal);
      const found = values[index] ?? null;
      if (wanted === null && found !== null) writes.push({ kind: 'delete', key });
      if (wanted !== null && !(found?.equals(wanted) ?? false)) writes.push({ kind: 'put', key, value: wanted });
    }
    for (const run of writes.length === 0 ? [] : splitWrites(writes, destination.limits)) {
      await commit(destination, { writes: run, expected: checkpoint, next: checkpoint }, observer, signal);
      report.puts += run.filter(({ kind }) => kind === 'put').length;
      report.deletes += run.filter(({ kind }) => kind === 'delete').length;
    }
  }
  return report;
}

/** What should stand at a key of the destination; null for nothing. */
async function wantedValue(
  { source, filter }: RepairOptions,
  { key, revision }: { key: Buffer; revision: number },
  signal: AbortSignal,
): Promise<Buffer | null> {
  for (const route of filter.routes) {
    const sourceKey = route.sourceKey(key);
    if (sourceKey === null) continue;
    const { pages } = await source.read({ start: sourceKey, end: keyAfter(sourceKey) }, revision, signal);
    const found: KeyValue[] = [];
    for await (const page of pages) found.push(...page);
    const item = found[0] === undefined ? null : route.mapKeyValue(found[0]);
    return item?.value ?? null;
  }
  return null;
}
