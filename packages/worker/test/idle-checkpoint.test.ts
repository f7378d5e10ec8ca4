import { type Checkpoint, FencedError, SharedBudget, silentLogger } from '@tidemark/core';
import { checkpointAt, MemoryDestination, never } from '@tidemark/testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type FollowOptions, follow } from '../src/apply/follow.js';
import { TrackedWriter } from '../src/index.js';
import { Chronicle } from './support/chronicle.js';
import { filter, unbraked } from './support/worker-node.js';

const A_SECOND_MS = 1000;

class Time {
  now = 0;
  monotonic = () => this.now;
  wall = () => this.now;

  /** Lets milliseconds pass for the code's clock and for its timers. */
  async pass(ms: number): Promise<void> {
    this.now += ms;
    await vi.advanceTimersByTimeAsync(ms);
    await turns();
  }
}

/** Lets everything happen that waits for nothing but the event loop. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate);
}

let chronicle: Chronicle;
let destination: MemoryDestination;
let time: Time;
let reached: number;
let stopping: AbortController;
let following: Promise<unknown>;
let failure: unknown;

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  chronicle = new Chronicle();
  destination = new MemoryDestination();
  time = new Time();
  await chronicle.reset();
  const from = checkpointAt(1, { journal: chronicle.stream.id });
  await destination.apply({ writes: [], expected: null, next: from }, never);
  begin(from);
  // A first change for this destination: from here on its checkpoint is of a known age.
  chronicle.source.put('/a/1', 'x');
  await chronicle.catchUp();
  await turns();
});

function begin(from: Checkpoint): void {
  stopping = new AbortController();
  const observer: FollowOptions['observer'] = {
    reached: ({ revision }) => {
      reached = revision;
    },
    applied: () => undefined,
    waiting: () => undefined,
  };
  const writer = new TrackedWriter(destination, silentLogger);
  const parts = { journal: chronicle.journal, destination, writer, filter, observer, clock: time };
  const options = { ...parts, brakes: unbraked, delayMs: 0, budget: new SharedBudget(1024 * 1024) };
  failure = null;
  following = follow(
    options,
    { checkpoint: from, readableFrom: null, allowed: 0, letGo: null, judged: null },
    stopping.signal,
  ).catch((error) => {
    failure = error;
  });
}

afterEach(async () => {
  stopping.abort();
  await following;
  vi.useRealTimers();
});

async function elsewhere(): Promise<number> {
  const revision = chronicle.source.put('/elsewhere', `after ${chronicle.source.revision}`);
  await chronicle.catchUp();
  await turns();
  return revision;
}

function storedRevision(): number | undefined {
  return destination.log.at(-1)?.next.position.revision;
}

describe('the checkpoint of a destination that nothing is for', () => {
  it('moves after a second, without any write', async () => {
    expect(storedRevision()).toBe(2);
    const revision = await elsewhere();
    await time.pass(A_SECOND_MS - 1);
    expect(storedRevision()).toBe(2);
    expect(reached).toBe(revision);
    await time.pass(1);
    expect(storedRevision()).toBe(revision);
    expect(destination.log.at(-1)?.writes).toEqual([]);
  });

  it('moves once a second under traffic for others, not with each revision', async () => {
    const before = destination.applies;
    let last = 0;
    for (let step = 0; step < 30; step++) {
      last = await elsewhere();
      await time.pass(A_SECOND_MS / 10);
    }
    expect(destination.applies - before).toBe(3);
    await time.pass(A_SECOND_MS);
    expect(storedRevision()).toBe(last);
  });

  it('moves although work is begun again more often than once a second', async () => {
    const stood = storedRevision();
    for (let round = 0; round < 4; round++) {
      stopping.abort();
      await following;
      const from = await destination.checkpoint(never);
      if (from !== null) begin(from);
      await elsewhere();
      await time.pass(A_SECOND_MS / 2);
    }
    expect(storedRevision()).toBeGreaterThan(stood ?? Number.NaN);
  });

  it('moves with the next change that is for it', async () => {
    await elsewhere();
    const revision = chronicle.source.put('/a/1', 'y');
    await chronicle.catchUp();
    await turns();
    expect(storedRevision()).toBe(revision);
    const { applies } = destination;
    await time.pass(10 * A_SECOND_MS);
    expect(destination.applies).toBe(applies);
  });

  it('does not move while nothing happens at all', async () => {
    const { applies } = destination;
    await time.pass(60 * A_SECOND_MS);
    expect(destination.applies).toBe(applies);
  });
});

describe('a destination that is restored from a backup while nothing happens at the source', () => {
  it('is noticed within two seconds', async () => {
    const backup = destination.backup();
    chronicle.source.put('/a/1', 'y');
    await chronicle.catchUp();
    await turns();
    await time.pass(10 * A_SECOND_MS);
    expect(failure).toBeNull();
    destination.restore(backup);
    await time.pass(2 * A_SECOND_MS);
    expect(failure).toBeInstanceOf(FencedError);
  });
});
