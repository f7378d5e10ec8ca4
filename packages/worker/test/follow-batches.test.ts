import { type ApplyRequest, type Entry, type Position, SharedBudget, silentLogger } from '@tidemark/core';
import { checkpointAt, MemoryDestination, until } from '@tidemark/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import { follow } from '../src/apply/follow.js';
import { Filter, TrackedWriter } from '../src/index.js';
import { Chronicle } from './support/chronicle.js';
import { owned, replica, unbraked } from './support/worker-node.js';

/** Commits a transaction when the test says so. */
class SlowDestination extends MemoryDestination {
  readonly inFlight: (() => void)[] = [];
  most = 0;
  /** False: commits by itself, as soon as the event loop turns. */
  slow = true;
  /** Called for each transaction that is carried out. */
  onCommit: () => void = () => undefined;

  override async apply(...[request, signal]: Parameters<MemoryDestination['apply']>) {
    if (!this.slow) await new Promise(setImmediate).then(this.onCommit);
    else if (request.expected !== null) {
      await new Promise<void>((resolve) => {
        this.inFlight.push(resolve);
        this.most = Math.max(this.most, this.inFlight.length);
      });
    }
    return super.apply(request, signal);
  }
}

/** Counts what is collected. */
class CountingFilter extends Filter {
  entries = 0;

  override mapEntry(entry: Pick<Entry, 'changes'>) {
    this.entries++;
    return super.mapEntry(entry);
  }
}

const ENTRIES = 12;
const MIB = 1024 * 1024;

let chronicle: Chronicle;
let destination: SlowDestination;
let filter: CountingFilter;
let stop: AbortController;
/** Revisions up to which everything was reported as applied. */
let reached: number[];

beforeEach(async () => {
  chronicle = new Chronicle();
  destination = new SlowDestination({ limits: { maxWrites: 4, maxBytes: 64 * MIB } });
  filter = new CountingFilter([{ prefix: '/a/', rewrite: '/b/', exclude: [], leased: 'keep' }], []);
  stop = new AbortController();
  reached = [];
  await chronicle.reset();
});

function putAll(entries: number, value: string): void {
  for (let index = 0; index < entries; index++) chronicle.source.put(`/a/${index}`, value);
}

async function start(): Promise<{ readonly following: Promise<unknown> }> {
  const from = checkpointAt(1, { journal: chronicle.stream.id });
  const first: ApplyRequest = { writes: [], expected: null, next: from };
  await destination.apply(first, stop.signal);
  const nothing = () => undefined;
  const observer = {
    ...{ applied: nothing, waiting: nothing },
    reached: ({ revision }: Position) => reached.push(revision),
  };
  const writer = new TrackedWriter(destination, silentLogger);
  const parts = { journal: chronicle.journal, destination, writer, filter, observer };
  const options = { ...parts, brakes: unbraked, delayMs: 0, budget: new SharedBudget(64 * MIB) };
  return {
    following: follow(
      options,
      { checkpoint: from, readableFrom: null, allowed: 0, letGo: null, judged: null },
      stop.signal,
    ),
  };
}

async function commitAll(): Promise<void> {
  const committing = setInterval(() => destination.inFlight.shift()?.(), 1);
  const expected = replica(chronicle.source.content());
  await until(async () => destination.content().size >= expected.size, { everyMs: 1, describe: 'all' });
  clearInterval(committing);
  expect(owned(destination.content())).toEqual(expected);
  expect(destination.most).toBe(1);
}

describe('a worker with a backlog', () => {
  it('collects the next batch while one is under way, and sends it when that one is committed', async () => {
    putAll(ENTRIES, 'x');
    await chronicle.catchUp(ENTRIES);
    const { following } = await start();
    // Four revisions are under way; the fifth to the eighth are collected, and the ninth does not fit any more.
    await until(async () => filter.entries === 9, { everyMs: 1, describe: () => `nine, ${filter.entries} collected` });
    expect(destination.inFlight).toHaveLength(1);
    await commitAll();
    stop.abort();
    await following;
  });

  it('goes on collecting where one group of records ends and the next one waits already', async () => {
    // Three such records are a group of 256 KiB, and all of them may wait.
    putAll(ENTRIES, 'x'.repeat(80 * 1024));
    await chronicle.catchUp(1);
    const { following } = await start();
    // The first record was alone when it came.
    await until(async () => filter.entries === 1, { everyMs: 1, describe: 'the first' });
    destination.inFlight.shift()?.();
    // Three more are sent at once, for the destination has nothing to do; four are collected, and one does not fit.
    await until(async () => filter.entries === 9, { everyMs: 1, describe: () => `nine, ${filter.entries} collected` });
    expect(destination.inFlight).toHaveLength(1);
    await commitAll();
    expect(destination.log.map(({ writes }) => writes.length)).toEqual([0, 1, 3, 4, 4]);
    stop.abort();
    await following;
  });

  it('gives a transaction to the destination before the next one is collected', async () => {
    destination = new SlowDestination({ limits: { maxWrites: 200, maxBytes: 64 * MIB } });
    destination.slow = false;
    putAll(800, 'x');
    await chronicle.catchUp(800);
    const collected: number[] = [];
    destination.onCommit = () => collected.push(filter.entries);
    const { following } = await start();
    await until(async () => destination.content().size === 800, { everyMs: 1, describe: 'all' });
    const [, first = Number.NaN] = collected;
    expect(first).toBeLessThan(400);
    stop.abort();
    await following;
  });

  it('has not reached what is for others while what lies before it is under way', async () => {
    chronicle.source.put('/a/0', 'x');
    // A group of its own.
    chronicle.source.put('/a/1', 'x'.repeat(300 * 1024));
    for (let index = 0; index < 3; index++) chronicle.source.put('/elsewhere', `${index}`);
    await chronicle.catchUp(1);
    const { following } = await start();
    await until(async () => filter.entries === 1, { everyMs: 1, describe: 'the first' });
    destination.inFlight.shift()?.();
    await until(async () => filter.entries === 5, { everyMs: 1, describe: () => `five, ${filter.entries}` });
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
    expect([reached, destination.inFlight.length]).toEqual([[2], 1]);
    destination.inFlight.shift()?.();
    await until(async () => reached.length === 3, { everyMs: 1, describe: () => `the end, ${reached.join()}` });
    expect(reached).toEqual([2, 3, 6]);
    stop.abort();
    await following;
  });

  it('does not end while a transaction is under way', async () => {
    putAll(5, 'x'.repeat(80 * 1024));
    await chronicle.catchUp(1);
    await chronicle.reset('compacted');
    const { following } = await start();
    let over = false;
    void following.then(() => {
      over = true;
    });
    await until(async () => filter.entries === 1, { everyMs: 1, describe: 'the first' });
    destination.inFlight.shift()?.();
    await until(async () => filter.entries === 5, { everyMs: 1, describe: () => `five, ${filter.entries}` });
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
    expect([over, destination.inFlight.length]).toEqual([false, 1]);
    destination.inFlight.shift()?.();
    expect(await following).toEqual({ kind: 'reset' });
  });
});
