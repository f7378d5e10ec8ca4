import { type ApplyRequest, type Checkpoint, type Entry, SharedBudget } from '@tidemark/core';
import { MemoryDestination, until } from '@tidemark/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import { follow } from '../src/apply/follow.js';
import { Filter } from '../src/index.js';
import { Chronicle } from './support/chronicle.js';
import { owned, replica, unbraked } from './support/worker-node.js';

/** Commits a transaction when the test says so. */
class SlowDestination extends MemoryDestination {
  readonly underWay: (() => void)[] = [];
  most = 0;

  override async apply(...[request, signal]: Parameters<MemoryDestination['apply']>) {
    if (request.expected !== null) {
      await new Promise<void>((resolve) => {
        this.underWay.push(resolve);
        this.most = Math.max(this.most, this.underWay.length);
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

let chronicle: Chronicle;
let destination: SlowDestination;
let filter: CountingFilter;
let stop: AbortController;

beforeEach(async () => {
  chronicle = new Chronicle();
  destination = new SlowDestination({ limits: { maxWrites: 4, maxBytes: 4096 } });
  filter = new CountingFilter([{ prefix: '/a/', rewrite: '/b/', exclude: [], leased: 'keep' }], []);
  stop = new AbortController();
  await chronicle.reset();
  for (let index = 0; index < ENTRIES; index++) chronicle.source.put(`/a/${index}`, 'x');
});

async function start(): Promise<{ readonly following: Promise<unknown> }> {
  const position = { generation: 1, revision: 1 };
  const from: Checkpoint = {
    journal: chronicle.stream.id,
    position,
    filter: 'f',
    resync: null,
    partial: null,
    fence: null,
  };
  const first: ApplyRequest = { writes: [], expected: null, next: from };
  await destination.apply(first, stop.signal);
  const nothing = () => undefined;
  const observer = {
    ...{ reached: nothing, applied: nothing, waiting: nothing, state: nothing },
    ...{ stands: nothing, fenced: nothing, held: nothing, foreign: nothing, verified: nothing },
  };
  const parts = { journal: chronicle.journal, destination, filter, observer };
  const options = { ...parts, brakes: unbraked, delayMs: 0, room: new SharedBudget(1024 * 1024) };
  return { following: follow(options, { checkpoint: from, first: null, approval: null }, stop.signal) };
}

describe('a worker with a backlog', () => {
  it('collects the next batch while one is under way, and sends it when that one is committed', async () => {
    await chronicle.catchUp(ENTRIES);
    const { following } = await start();
    // Four revisions are under way; the fifth to the eighth are collected, and the ninth does not fit any more.
    await until(async () => filter.entries === 9, { everyMs: 1, describe: () => `nine, ${filter.entries} collected` });
    expect(destination.underWay).toHaveLength(1);
    const committing = setInterval(() => destination.underWay.shift()?.(), 1);
    await until(async () => destination.content().size >= ENTRIES, { everyMs: 1, describe: 'all' });
    clearInterval(committing);
    expect(owned(destination.content())).toEqual(replica(chronicle.source.content()));
    expect(destination.most).toBe(1);
    stop.abort();
    await following;
  });
});
