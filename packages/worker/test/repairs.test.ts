import {
  type ApplyRequest,
  type ApplyResult,
  type Checkpoint,
  type KeyRange,
  type PagedRead,
  RequestTooLargeError,
  silentLogger,
  UnavailableError,
  WrongTypeError,
} from '@tidemark/core';
import { MemoryDestination, MemoryFacts, MemorySource } from '@tidemark/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import { repair } from '../src/compare/repair.js';
import { OffJournalWrites } from '../src/write/off-journal.js';
import { TrackedWriter } from '../src/write/tracked-writer.js';
import { filter, owned, replica } from './support/worker-node.js';

const never = new AbortController().signal;
const MIB = 1024 * 1024;
const details = { message: 'A test asked for this.', remedy: 'None needed.' };

/** Value bytes that were read since the last transaction, and the most there ever were. */
const read = { now: 0, most: 0 };

function count(bytes: number): void {
  read.now += bytes;
  read.most = Math.max(read.most, read.now);
}

/** Says how much is read from it, and refuses what a test names. */
class StrictDestination extends MemoryDestination {
  /** Keys of another type. */
  wrong: readonly string[] = [];
  /** Larger ones are refused alone, and all transactions that are larger. */
  takesBytes = Number.POSITIVE_INFINITY;
  private allows = 4 * MIB;
  private readonly maxWrites: number;

  constructor(limits = { maxWrites: 4096, maxBytes: MIB }) {
    super({ limits });
    this.maxWrites = limits.maxWrites;
    this.allows = limits.maxBytes;
    Object.defineProperty(this, 'limits', { get: () => ({ maxWrites: this.maxWrites, maxBytes: this.allows }) });
  }

  override async read(keys: readonly Buffer[], signal: AbortSignal) {
    const reading = await super.read(keys, signal);
    count(reading.values.reduce((sum, value) => sum + (value?.length ?? 0), 0));
    return reading;
  }

  override async apply(request: ApplyRequest, signal: AbortSignal): Promise<ApplyResult> {
    const refused = request.writes.find(({ key }) => this.wrong.includes(key.toString()));
    if (refused !== undefined) throw new WrongTypeError({ ...details, key: refused.key });
    const sizes = request.writes.map((write) => (write.kind === 'put' ? write.value.length : 0));
    if (sizes.reduce((sum, size) => sum + size, 0) > this.takesBytes) {
      const [write, ...others] = request.writes;
      if (others.length === 0 && write !== undefined) throw new RequestTooLargeError({ ...details, key: write.key });
      this.allows = Math.floor(this.allows / 2);
      throw new UnavailableError(details);
    }
    const result = await super.apply(request, signal);
    read.now = 0;
    return result;
  }
}

class CountedSource extends MemorySource {
  override async read(range: KeyRange, revision: number | undefined, signal: AbortSignal): Promise<PagedRead> {
    const { pages, ...rest } = await super.read(range, revision, signal);
    async function* counted() {
      for await (const page of pages) {
        count(page.reduce((sum, { value }) => sum + value.length, 0));
        yield page;
      }
    }
    return { ...rest, pages: counted() };
  }
}

let source: CountedSource;
let destination: StrictDestination;
let facts: MemoryFacts;

beforeEach(() => {
  source = new CountedSource();
  destination = new StrictDestination();
  facts = new MemoryFacts();
  Object.assign(read, { now: 0, most: 0 });
});

/** A destination that stands where the source stands, and has these values instead of the source's. */
async function differing(values: Iterable<readonly [key: string, wanted: string, found: string]>): Promise<Checkpoint> {
  const all = [...values];
  source.txn(all.map(([key, value]) => ({ key: `/a/${key}`, value })));
  for (const [key, , found] of all) destination.write(`/b/${key}`, found);
  const position = { generation: 1, revision: source.revision };
  const ends = { resync: null, partial: null, fence: null };
  const next: Checkpoint = { journal: 'j', position, filter: filter.fingerprint, ...ends };
  await destination.apply({ writes: [], expected: null, next }, never);
  return next;
}

async function repairAll(checkpoint: Checkpoint) {
  const offJournal = new OffJournalWrites(facts, 'd');
  const options = { source, destination, writer: new TrackedWriter(destination, silentLogger), filter, offJournal };
  const observer = { applied: () => undefined };
  const keys = [...destination.content().keys()].map((key) => Buffer.from(key));
  const { report, checkpoint: after } = await repair({ ...options, observer }, { checkpoint, keys }, never);
  expect(await destination.checkpoint(never)).toEqual(after);
  expect(await new OffJournalWrites(facts, 'd').isLost(after, never)).toBe(false);
  return { ...report, refused: report.refused.map(({ key }) => key.toString()) };
}

describe('a repair', () => {
  it.each([
    ['large', 24, 512 * 1024],
    ['small', 300, 20],
  ])('of many %s values holds a few MiB of them at once', async (_, keys, bytes) => {
    const values = Array.from(
      { length: keys },
      (__, index) => [`${index}`, 'w'.repeat(bytes), 'f'.repeat(bytes)] as const,
    );
    const checkpoint = await differing(values);
    expect(await repairAll(checkpoint)).toEqual({ puts: keys, deletes: 0, refused: [] });
    expect(owned(destination.content())).toEqual(replica(source.content()));
    expect(read.most).toBeLessThan(5 * MIB);
  });

  it('of large values that follow upon small ones holds as many as were small before, once', async () => {
    const small = Array.from({ length: 40 }, (_, index) => [`1-${index}`, 'w', 'f'] as const);
    const large = Array.from(
      { length: 40 },
      (_, index) => [`2-${index}`, 'w'.repeat(MIB / 4), 'f'.repeat(MIB / 4)] as const,
    );
    const checkpoint = await differing([...small, ...large]);
    expect(await repairAll(checkpoint)).toMatchObject({ puts: 80 });
    expect(read.most).toBeLessThan(12 * MIB);
  });

  it('leaves out the keys that the destination refuses, names them, and repairs all others', async () => {
    const checkpoint = await differing(['1', '2', '3', '4'].map((key) => [key, 'wanted', 'found'] as const));
    destination.wrong = ['/b/2', '/b/4'];
    expect(await repairAll(checkpoint)).toEqual({ puts: 2, deletes: 0, refused: ['/b/2', '/b/4'] });
    const expected = { '/b/1': 'wanted', '/b/2': 'found', '/b/3': 'wanted', '/b/4': 'found' };
    expect(Object.fromEntries(destination.content())).toEqual(expected);
  });

  it('of nothing but refused keys writes no key, and no write looks lost', async () => {
    const checkpoint = await differing([['1', 'wanted', 'found']]);
    destination.wrong = ['/b/1'];
    expect(await repairAll(checkpoint)).toEqual({ puts: 0, deletes: 0, refused: ['/b/1'] });
  });

  it('goes on in smaller transactions where the destination takes less, without the one value that never fits', async () => {
    const sizes = [100, 100, 100, 5_000, 100];
    const values = sizes.map((size, index) => [`${index}`, 'w'.repeat(size), 'found'] as const);
    const checkpoint = await differing(values);
    destination.takesBytes = 250;
    expect(await repairAll(checkpoint)).toEqual({ puts: 4, deletes: 0, refused: ['/b/3'] });
  });
});
