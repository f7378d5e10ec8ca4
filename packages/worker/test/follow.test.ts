import { describeError, type RouteConfig } from '@tidemark/core';
import { MemoryStream } from '@tidemark/journal';
import { MemoryDestination, never, type SourceWrite, shortWaits, until } from '@tidemark/testing';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Filter } from '../src/index.js';
import { Chronicle } from './support/chronicle.js';
import { expectExactlyOnce } from './support/exactly-once.js';
import { owned, replica, WorkerNode } from './support/worker-node.js';

beforeAll(shortWaits);

const LIMITS = { maxWrites: 4, maxBytes: 4096 };

let chronicle: Chronicle;
let destination: MemoryDestination;

beforeEach(async () => {
  chronicle = new Chronicle();
  destination = new MemoryDestination({ limits: LIMITS });
  await chronicle.reset();
});

function expectEqual(): void {
  expect(owned(destination.content())).toEqual(replica(chronicle.source.content()));
}

/** A worker runs until the destination has all there is. */
async function caughtUp(generation = chronicle.generation): Promise<void> {
  const worker = new WorkerNode(chronicle, destination);
  await worker.reaches(chronicle.source.revision, generation);
  await worker.stop();
}

function many(keys: number, round = 0): SourceWrite[] {
  return Array.from({ length: keys }, (_, index) => ({ key: `/a/${index}`, value: `${round}` }));
}

describe('two workers on one destination', () => {
  it('bring 2,000 revisions, each once', async () => {
    destination = new MemoryDestination({ limits: { maxWrites: 20, maxBytes: 4096 } });
    const workers = [new WorkerNode(chronicle, destination), new WorkerNode(chronicle, destination)];
    for (let revision = 2; revision <= 2001; revision++) {
      chronicle.source.put(`/a/${revision}`, `value ${revision}`);
      if (revision % 50 === 0) {
        await chronicle.catchUp(7);
        await new Promise(setImmediate);
      }
    }
    chronicle.source.put('/a/2', 'again');
    await chronicle.catchUp();
    for (const worker of workers) await worker.reaches(2002);
    for (const worker of workers) await worker.stop();
    expectEqual();
    expectExactlyOnce(destination.log, chronicle.source);
    const writes = [...destination.content().keys()].map((key) => destination.writesOf(key));
    expect(writes.toSorted((a, b) => a - b)).toEqual([...Array.from({ length: 1999 }, () => 1), 2]);
    // They met.
    expect(destination.applies).toBeGreaterThan(destination.log.length);
  });
});

describe('a journal and a destination that do not fit together', () => {
  it('a destination that was restored from a backup catches up', async () => {
    chronicle.source.put('/a/1', 'one');
    await chronicle.catchUp();
    await caughtUp();
    const backup = destination.backup();
    chronicle.source.delete('/a/1');
    chronicle.source.put('/a/2', 'two');
    await chronicle.catchUp();
    await caughtUp();
    destination.restore(backup);
    await caughtUp();
    expectEqual();
  });

  it('a destination that is restored under a running worker catches up', async () => {
    const worker = new WorkerNode(chronicle, destination);
    await worker.reaches(1);
    const backup = destination.backup();
    chronicle.source.put('/a/1', 'one');
    await chronicle.catchUp();
    await worker.reaches(2);
    destination.restore(backup);
    chronicle.source.put('/a/2', 'two');
    await chronicle.catchUp();
    await worker.reaches(3);
    await worker.stop();
    expect(worker.fencings).toBe(1);
    expectEqual();
  });

  it('a checkpoint ahead of the journal is legal: what the destination has is not applied again', async () => {
    for (let index = 0; index < 6; index++) chronicle.source.put('/a/1', String(index));
    await chronicle.catchUp(1);
    await caughtUp();
    const applied = destination.log.length;
    chronicle.stream.loseLast(3);
    const worker = new WorkerNode(chronicle, destination);
    await until(() => worker.states.includes('streaming'), { everyMs: 1, describe: 'streaming' });
    await chronicle.takeOver();
    await chronicle.catchUp(1);
    chronicle.source.put('/a/2', 'new');
    await chronicle.catchUp(1);
    await worker.reaches(8);
    await worker.stop();
    expectEqual();
    expectExactlyOnce(destination.log, chronicle.source);
    expect(destination.log.slice(applied).map(({ next }) => next.position.revision)).toEqual([8]);
  });

  it('a checkpoint that the journal no longer reaches is brought up by difference', async () => {
    const small = new Chronicle(
      new MemoryStream({
        maxBytes: 20_000,
      }),
    );
    chronicle = small;
    await small.reset();
    small.source.put('/a/gone', 'x');
    await small.catchUp();
    await caughtUp();
    small.source.delete('/a/gone');
    for (let index = 0; index < 40; index++) small.source.put('/a/1', `${index}`.repeat(500));
    await small.catchUp();
    await small.reset('compacted');
    for (let index = 0; index < 10; index++) small.source.put('/a/2', `${index}`.repeat(500));
    await small.catchUp();
    expect((await small.journal.info(never)).first?.previous).toBeGreaterThan(3);
    await caughtUp();
    expectEqual();
  });

  it('another journal means a difference, not a position, even after a crash', async () => {
    chronicle.source.put('/a/1', 'one');
    await chronicle.catchUp();
    await caughtUp();
    // One that holds the same revision numbers.
    chronicle = new Chronicle();
    await chronicle.reset();
    for (let index = 0; index < 5; index++) chronicle.source.put('/a/2', `other ${index}`);
    await chronicle.catchUp();
    const { applies } = destination;
    destination.refuseFrom(applies + 2);
    const first = new WorkerNode(chronicle, destination);
    await until(() => destination.applies > applies + 1, { everyMs: 1, describe: 'the crash' });
    await first.stop();
    destination.recover();
    await caughtUp();
    expectEqual();
  });
});

describe('a reset record', () => {
  it('brings the destination to its snapshot by difference, and on from there', async () => {
    const worker = new WorkerNode(chronicle, destination);
    for (let index = 0; index < 6; index++) chronicle.source.put(`/a/${index}`, 'before');
    await chronicle.catchUp();
    await worker.reaches(7);
    // Revisions that nobody journaled.
    chronicle.source.delete('/a/0');
    chronicle.source.put('/a/1', 'missed');
    await chronicle.reset('gap');
    chronicle.source.put('/a/2', 'after');
    await chronicle.catchUp();
    await worker.reaches(10, 2);
    await worker.stop();
    expectEqual();
    expect(['/b/0', '/b/1', '/b/2', '/b/3'].map((key) => destination.writesOf(key))).toEqual([2, 2, 2, 1]);
  });

  it('that was met while the worker was away does the same', async () => {
    chronicle.source.put('/a/1', 'before');
    await chronicle.catchUp();
    await caughtUp();
    chronicle.source.delete('/a/1');
    await chronicle.reset('compacted');
    chronicle.source.put('/a/2', 'after');
    await chronicle.catchUp();
    await caughtUp();
    expectEqual();
  });
});

describe('a revision that is larger than the destination takes at once', () => {
  it('goes in parts, and the position moves with the last', async () => {
    chronicle.source.txn(many(10));
    await chronicle.catchUp();
    await caughtUp();
    expectEqual();
    expectExactlyOnce(destination.log, chronicle.source);
    const parts = destination.log.filter(({ writes }) => writes.length > 0);
    expect(parts.map(({ next }) => [next.position.revision, next.partial?.writes])).toEqual([
      [1, 4],
      [1, 8],
      [2, undefined],
    ]);
  });

  it.each([0, 1, 5])('resumes after a part that was committed, after %i revisions for others', async (others) => {
    for (let crashAfter = 1; crashAfter <= 2; crashAfter++) {
      destination = new MemoryDestination({ limits: LIMITS });
      chronicle = new Chronicle();
      await chronicle.reset();
      chronicle.source.put('/a/first', 'x');
      for (let index = 0; index < others; index++) chronicle.source.put('/elsewhere', String(index));
      const large = chronicle.source.txn(many(10));
      await chronicle.catchUp(1);
      destination.refuseWhile(() => partsOf(large) >= crashAfter);
      const first = new WorkerNode(chronicle, destination);
      await until(() => first.states.includes('backing_off'), { everyMs: 1, describe: 'the crash' });
      await first.stop();
      expect(partsOf(large)).toBe(crashAfter);
      destination.recover();
      await caughtUp();
      expectEqual();
      expectExactlyOnce(destination.log, chronicle.source);
      expect([...destination.content().keys()].filter((key) => destination.writesOf(key) !== 1)).toEqual([]);
    }
  });

  it('is finished alone by a worker that finds a destination that takes more', async () => {
    const large = chronicle.source.txn(many(10));
    chronicle.source.put('/a/later', 'x');
    await chronicle.catchUp();
    destination.refuseWhile(() => partsOf(large) > 0);
    const first = new WorkerNode(chronicle, destination);
    await until(() => partsOf(large) > 0 && first.states.includes('backing_off'), { describe: 'the crash' });
    await first.stop();
    const larger = new MemoryDestination();
    larger.restore(destination.backup());
    destination = larger;
    await caughtUp();
    expectEqual();
    const written = destination.log.flatMap(({ writes }) => writes.map(({ key }) => key.toString()));
    expect(written).toHaveLength(10 - LIMITS.maxWrites + 1);
  });

  it('is written completely by a worker that has the same routes in another order', async () => {
    const routes: RouteConfig[] = ['/b/', '/c/', '/d/'].map((rewrite) => ({
      ...{ prefix: '/a/', rewrite, exclude: [], leased: 'keep' as const },
    }));
    const large = chronicle.source.txn(many(3));
    await chronicle.catchUp();
    destination.refuseWhile(() => partsOf(large) > 0);
    const first = new WorkerNode(chronicle, destination, { filter: new Filter(routes, []) });
    await until(() => partsOf(large) > 0 && first.states.includes('backing_off'), { describe: 'the crash' });
    await first.stop();
    destination.recover();
    const second = new WorkerNode(chronicle, destination, { filter: new Filter(routes.toReversed(), []) });
    await second.reaches(large);
    await second.stop();
    const keys = [...destination.content().keys()];
    expect(keys).toHaveLength(9);
    expect(keys.filter((key) => destination.writesOf(key) !== 1)).toEqual([]);
  });

  function partsOf(revision: number): number {
    return destination.log.filter(({ next }) => next.partial?.revision === revision).length;
  }
});

describe('a destination', () => {
  it('that is down for a while misses nothing', async () => {
    const worker = new WorkerNode(chronicle, destination);
    await worker.reaches(1);
    destination.available = false;
    for (let index = 0; index < 20; index++) chronicle.source.put(`/a/${index}`, 'while it was down');
    await chronicle.catchUp();
    await until(() => worker.states.filter((state) => state === 'backing_off').length > 2, { describe: 'back-off' });
    destination.available = true;
    await worker.reaches(21);
    await worker.stop();
    expectEqual();
    expectExactlyOnce(destination.log, chronicle.source);
  });

  it('whose checkpoint is garbled while a worker runs is left alone', async () => {
    const worker = new WorkerNode(chronicle, destination);
    await worker.reaches(1);
    destination.garbleCheckpoint();
    chronicle.source.put('/a/1', 'x');
    await chronicle.catchUp();
    await until(() => worker.states.includes('backing_off'), { describe: 'back-off' });
    await worker.stop();
    expect(destination.content()).toEqual(new Map());
    const error: unknown = await destination.checkpoint(never).catch((cause: unknown) => cause);
    expect(describeError(error)).toMatch(/^CHECKPOINT_UNREADABLE/);
  });
});
