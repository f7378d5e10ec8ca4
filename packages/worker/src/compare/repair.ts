import {
  type Checkpoint,
  type DestinationReader,
  describeError,
  RefusedError,
  type SourceReader,
  type Write,
  writeBytes,
} from '@tidemark/core';
import type { Filter } from '../routes/filter.js';
import { commit } from '../write/commit.js';
import type { WriteObserver } from '../write/observer.js';
import type { OffJournalWrites } from '../write/off-journal.js';
import { splitWrites } from '../write/split.js';
import type { TrackedWriter } from '../write/tracked-writer.js';
import { KeysAtOnce } from './keys-at-once.js';
import { wantedValue } from './wanted-value.js';

export interface RepairOptions {
  readonly source: SourceReader;
  readonly destination: DestinationReader;
  readonly writer: TrackedWriter;
  readonly filter: Filter;
  readonly observer: WriteObserver;
  readonly offJournal: OffJournalWrites;
}

/** A key that the destination does not take, and why. */
export interface RefusedKey {
  readonly key: Buffer;
  readonly reason: string;
}

export interface RepairReport {
  readonly puts: number;
  readonly deletes: number;
  /** Left as they are; everything else is repaired. */
  readonly refused: readonly RefusedKey[];
}

/**
 * Makes some keys of a destination equal to the source at its checkpoint. Each is looked at again, and only what differs
 * is written. The position stays where it is; the checkpoint gets another fence, so that a destination that loses the repair
 * is seen to have gone back. Values are read, and written, in portions of bytes: a thousand of them may have a gigabyte.
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
  const { source, destination, filter } = options;
  const { revision } = checkpoint.position;
  const owned = keys.filter((key) => filter.owns(key));
  const atOnce = new KeysAtOnce();
  const repairing = new Repairing(options, checkpoint, signal);
  for (let from = 0; from < owned.length; ) {
    const some = atOnce.group(owned, from);
    const { values } = await destination.read(some, signal);
    for (const [index, key] of some.entries()) {
      const wanted = await wantedValue({ source, routes: filter.routes }, { key, revision }, signal);
      const found = values[index] ?? null;
      if (wanted === null && found !== null) await repairing.write({ kind: 'delete', key });
      if (wanted !== null && !(found?.equals(wanted) ?? false)) {
        await repairing.write({ kind: 'put', key, value: wanted });
      }
    }
    atOnce.saw(values);
    from += some.length;
  }
  return await repairing.end();
}

/** Writes what differs, a transaction at a time. */
class Repairing {
  private writes: Write[] = [];
  private bytes = 0;
  private puts = 0;
  private deletes = 0;
  private readonly refused: RefusedKey[] = [];

  constructor(
    private readonly options: RepairOptions,
    private checkpoint: Checkpoint,
    private readonly signal: AbortSignal,
  ) {}

  async write(write: Write): Promise<void> {
    const { maxWrites, maxBytes } = this.options.writer.limits;
    const size = writeBytes(write);
    if (this.writes.length >= maxWrites || this.bytes + size > maxBytes) await this.flush();
    this.writes.push(write);
    this.bytes += size;
  }

  async end(): Promise<{ report: RepairReport; checkpoint: Checkpoint }> {
    await this.flush();
    const { puts, deletes, refused, checkpoint } = this;
    return { report: { puts, deletes, refused }, checkpoint };
  }

  private async flush(): Promise<void> {
    const runs: (readonly Write[])[] = this.writes.length === 0 ? [] : [this.writes];
    this.writes = [];
    this.bytes = 0;
    for (let run = runs.shift(); run !== undefined; run = runs.shift()) {
      const { writer } = this.options;
      const { maxBytes } = writer.limits;
      try {
        await this.commit(run);
      } catch (error) {
        // Refused for the size of all of them, after which the destination is sent less.
        if (run.length === 1 || writer.limits.maxBytes >= maxBytes) throw error;
        runs.unshift(...splitWrites(run, writer.limits));
      }
    }
  }

  /** One transaction, without the keys for which it is refused. */
  private async commit(run: readonly Write[]): Promise<void> {
    const { writer, observer, offJournal } = this.options;
    const expected = this.checkpoint;
    const next = { ...expected, fence: await offJournal.begin(expected, this.signal) };
    let writes = run;
    // Also with nothing left: what was noted would otherwise look lost.
    while (!(await this.taken(() => commit(writer, { writes, expected, next }, observer, this.signal)))) {
      writes = writes.filter(({ key }) => !this.refused.some((refused) => refused.key.equals(key)));
    }
    offJournal.done();
    this.checkpoint = next;
    const puts = writes.filter(({ kind }) => kind === 'put').length;
    this.puts += puts;
    this.deletes += writes.length - puts;
  }

  /** False when one more key has to be left out. */
  private async taken(committed: () => Promise<void>): Promise<boolean> {
    try {
      await committed();
      return true;
    } catch (error) {
      const key = error instanceof RefusedError ? error.key : null;
      // Refused for a key that is left out already, it would be refused for ever.
      if (key === null || this.refused.some((refused) => refused.key.equals(key))) throw error;
      this.refused.push({ key, reason: describeError(error) });
      return false;
    }
  }
}
