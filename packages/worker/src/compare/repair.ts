import type { Checkpoint, DestinationReader, SourceReader, Write } from '@tidemark/core';
import type { Filter } from '../routes/filter.js';
import { commit } from '../write/commit.js';
import type { WriteObserver } from '../write/observer.js';
import type { OffJournalWrites } from '../write/off-journal.js';
import { splitWrites } from '../write/split.js';
import type { TrackedWriter } from '../write/tracked-writer.js';
import { wantedValue } from './wanted-value.js';

export interface RepairOptions {
  readonly source: SourceReader;
  readonly destination: DestinationReader;
  readonly writer: TrackedWriter;
  readonly filter: Filter;
  readonly observer: WriteObserver;
  readonly offJournal: OffJournalWrites;
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
  const { source, destination, writer, filter, observer, offJournal } = options;
  const { routes } = filter;
  const owned = keys.filter((key) => filter.owns(key));
  const report = { puts: 0, deletes: 0 };
  let expected = checkpoint;
  for (let from = 0; from < owned.length; from += writer.limits.maxWrites) {
    const some = owned.slice(from, from + writer.limits.maxWrites);
    const { values } = await destination.read(some, signal);
    const writes: Write[] = [];
    for (const [index, key] of some.entries()) {
      const wanted = await wantedValue({ source, routes }, { key, revision: checkpoint.position.revision }, signal);
      const found = values[index] ?? null;
      if (wanted === null && found !== null) writes.push({ kind: 'delete', key });
      if (wanted !== null && !(found?.equals(wanted) ?? false)) writes.push({ kind: 'put', key, value: wanted });
    }
    for (const run of writes.length === 0 ? [] : splitWrites(writes, writer.limits)) {
      const next = { ...expected, fence: await offJournal.begin(expected, signal) };
      await commit(writer, { writes: run, expected, next }, observer, signal);
      offJournal.done();
      expected = next;
      report.puts += run.filter(({ kind }) => kind === 'put').length;
      report.deletes += run.filter(({ kind }) => kind === 'delete').length;
    }
  }
  return { report, checkpoint: expected };
}
