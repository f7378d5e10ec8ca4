import type { Checkpoint } from '@tidemark/core';
import { never, shortWaits, until } from '@tidemark/testing';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Holds, Orders } from '../src/index.js';
import { FreezingDestination } from './support/freezing-destination.js';
import { KEYS, Stage } from './support/stage.js';
import { unbraked, type WorkerNode } from './support/worker-node.js';

beforeAll(shortWaits);

let stage: Stage;
let destination: FreezingDestination;
let orders: Orders;

beforeEach(async () => {
  stage = await Stage.open();
  orders = new Orders(stage.facts, 'codfw');
  writeTo(new FreezingDestination());
});

afterEach(async () => {
  destination.thaw();
  await stage[Symbol.asyncDispose]();
});

/** Before there is a worker. */
function writeTo(another: FreezingDestination): void {
  destination = another;
  stage.destination = another;
}

/** A worker that streams, and a change of which it is not known whether the destination has it. */
async function uncertain(change = () => stage.put('/a/1', 'late'), options = {}): Promise<WorkerNode> {
  const worker = stage.work(options);
  await worker.reaches(stage.chronicle.source.revision);
  destination.frozen = true;
  await change();
  await until(() => destination.waiting.length > 0, { describe: 'a transaction on its way' });
  return worker;
}

/** As `uncertain`, and a pause that is ordered while nothing is answered at all. */
async function pausing(change?: () => Promise<void>): Promise<WorkerNode> {
  const worker = await uncertain(change);
  destination.deaf = true;
  await pause();
  await worker.becomes('backing_off');
  return worker;
}

const pause = () => orders.pause('sre@host', never);
const checkpoint = (): Promise<Checkpoint | null> => destination.checkpoint(never);
const isNoted = async () => (await stage.facts.read('destinations/codfw/quiesced')) !== null;

describe('a transaction that is in doubt when a destination is paused', () => {
  it('cannot be carried out any more once `paused` is reported', async () => {
    const worker = await uncertain();
    const before = stage.found;
    destination.deaf = true;
    await pause();
    await worker.becomes('backing_off');
    // The server wakes, what it was sent comes even later.
    destination.thaw();
    await worker.becomes('paused');
    expect(await destination.deliver()).toEqual(['superseded']);
    expect(stage.found).toEqual(before);
    expect((await checkpoint())?.fence?.fencedOff).toBe(1);
    await orders.resume(never);
    await worker.reaches(stage.chronicle.source.revision);
    expect(stage.found).toEqual(stage.expected);
  });

  it('is reported as it is while the destination cannot be reached', async () => {
    const worker = await uncertain();
    destination.deaf = true;
    await pause();
    const reason = await worker.becomes('backing_off');
    expect(reason).toMatch(/^Pausing, as sre@host ordered at .*the last transaction is not known yet/);
    await until(() => worker.looks(20), { describe: 'some more looks' });
    expect(worker.states).not.toContain('paused');
    destination.thaw();
    await worker.becomes('paused');
    expect(await destination.deliver()).toEqual(['superseded']);
  });

  it('may win: then it is there before `paused` is reported', async () => {
    const worker = await pausing();
    expect(await destination.deliver()).toEqual(['applied']);
    destination.thaw();
    await worker.becomes('paused');
    expect(stage.found.get('/b/1')).toBe('late');
    expect((await checkpoint())?.fence?.fencedOff).toBe(0);
  });

  it('keeps nobody from resuming', async () => {
    const worker = await pausing();
    await orders.resume(never);
    await until(() => worker.looks(5), { describe: 'the order seen' });
    destination.thaw();
    await worker.reaches(stage.chronicle.source.revision);
    expect(await destination.deliver()).toEqual(['superseded']);
    expect(worker.states).not.toContain('paused');
  });

  it('is one of several of a resync', async () => {
    writeTo(new FreezingDestination({ limits: { maxWrites: 3, maxBytes: 1024 } }));
    const mark = 1;
    destination.before(mark + 2, () => {
      destination.frozen = true;
    });
    const worker = stage.work();
    await until(() => destination.waiting.length === 2, { describe: 'two on their way' });
    destination.deaf = true;
    await pause();
    await worker.becomes('backing_off');
    destination.thaw();
    await worker.becomes('paused');
    const before = stage.found;
    expect(await destination.deliver()).toEqual(['superseded', 'superseded']);
    expect(stage.found).toEqual(before);
    expect((await checkpoint())?.resync).not.toBeNull();
    await orders.resume(never);
    await worker.reaches(stage.chronicle.source.revision);
    expect(stage.found).toEqual(stage.expected);
  });

  it('is a copy of one that was answered, under the mark of a resync', async () => {
    writeTo(new FreezingDestination({ limits: { maxWrites: 3, maxBytes: 1024 } }));
    const mark = 1;
    destination.before(mark, () => {
      destination.echoing = true;
    });
    destination.refuseFrom(mark + 2);
    const worker = stage.work();
    await worker.becomes('backing_off');
    await pause();
    const isSeen = () => worker.lastState === 'paused' || worker.reason?.startsWith('Pausing') === true;
    await until(isSeen, { describe: 'the pause seen' });
    destination.recover();
    await worker.becomes('paused');
    const before = stage.found;
    expect(destination.waiting[0]?.writes).toHaveLength(3);
    expect(await destination.deliver()).toEqual(['superseded']);
    expect(stage.found).toEqual(before);
  });

  it('is a part of a large revision: the parts before it stay noted', async () => {
    writeTo(new FreezingDestination({ limits: { maxWrites: 10, maxBytes: 1024 * 1024 } }));
    const worker = await uncertain(async () => {
      destination.frozen = false;
      destination.before(destination.applies + 1, () => {
        destination.frozen = true;
      });
      stage.chronicle.source.txn(
        Array.from({ length: KEYS }, (_, index) => ({ key: `/a/${index}`, value: 'all at once' })),
      );
      await stage.chronicle.catchUp();
    });
    destination.deaf = true;
    await pause();
    await worker.becomes('backing_off');
    destination.thaw();
    await worker.becomes('paused');
    expect(await destination.deliver()).toEqual(['superseded']);
    expect(await checkpoint()).toMatchObject({ partial: { writes: 10 }, fence: { fencedOff: 1 } });
    await orders.resume(never);
    await worker.reaches(stage.chronicle.source.revision);
    expect(stage.found).toEqual(stage.expected);
  });

  it.each(['carried out', 'fenced off'])('moves nothing but the checkpoint, and is %s', async (outcome) => {
    const worker = await pausing(() => stage.put('/elsewhere', 'a revision without writes'));
    destination.deaf = false;
    const before = await checkpoint();
    destination.deaf = true;
    if (outcome === 'carried out') await destination.deliver();
    destination.thaw();
    await worker.becomes('paused');
    const after = await checkpoint();
    expect(after).not.toEqual(before);
    expect(await destination.deliver()).not.toContain('applied');
    expect(await checkpoint()).toEqual(after);
    expect(after?.fence?.fencedOff).toBe(outcome === 'carried out' ? 0 : 1);
  });

  it('was left by an owner that is gone', async () => {
    const first = await uncertain();
    destination.deaf = true;
    await first.stop();
    destination.thaw();
    await pause();
    const before = stage.found;
    await stage.work().becomes('paused');
    expect(await destination.deliver()).toEqual(['superseded']);
    expect(stage.found).toEqual(before);
  });

  it('is fenced off before the destination is handed over, where that is possible', async () => {
    const first = await uncertain();
    const stopping = first.stop();
    destination.thaw();
    await stopping;
    expect(await destination.deliver()).toEqual(['superseded']);
  });
});

describe('a pause with nothing under way', () => {
  it('writes nothing to the destination', async () => {
    const worker = stage.work();
    await worker.reaches(stage.chronicle.source.revision);
    await worker.becomes('streaming');
    const written = destination.applies;
    await pause();
    await worker.becomes('paused');
    await until(isNoted, { describe: 'the note' });
    await orders.resume(never);
    await worker.becomes('streaming');
    expect(destination.applies).toBe(written);
  });

  it('is reported at once, also while the destination does not answer', async () => {
    const worker = stage.work();
    await worker.reaches(stage.chronicle.source.revision);
    await worker.becomes('streaming');
    const written = destination.applies;
    destination.deaf = true;
    await pause();
    await worker.becomes('paused');
    expect(destination.applies).toBe(written);
  });

  it('is known to the next owner, and the one after that', async () => {
    const first = stage.work();
    await first.becomes('streaming');
    await pause();
    await first.becomes('paused');
    await until(isNoted, { describe: 'the note' });
    await first.stop();
    const written = destination.applies;
    for (let owner = 2; owner < 4; owner++) {
      const next = stage.work();
      await next.becomes('paused');
      await next.stop();
    }
    expect(destination.applies).toBe(written);
  });

  it('that nobody saw begin is made certain by one write', async () => {
    const first = stage.work();
    await first.becomes('streaming');
    await first.stop();
    await pause();
    const written = destination.applies;
    await stage.work().becomes('paused');
    await until(isNoted, { describe: 'the note' });
    expect(destination.applies).toBe(written + 1);
    expect((await checkpoint())?.fence?.fencedOff).toBe(1);
  });
});

/** Everything that waits at a start is held. */
const brakes = { ...unbraked, maxBacklogAge: 0 };

it('a hold is not reported while a transaction may still be carried out', async () => {
  destination.impatient = true;
  const worker = await uncertain(undefined, { brakes });
  await worker.becomes('backing_off');
  const upTo = { generation: 1, revision: stage.chronicle.source.revision };
  const id = `${stage.chronicle.stream.id}/changes/1/${upTo.revision}`;
  await new Holds(stage.facts, 'codfw').note(
    { id, brake: 'backlog_age', evidence: 'a test', upTo, deletes: null },
    never,
  );
  destination.thaw();
  await worker.becomes('held');
  const before = stage.found;
  expect(await destination.deliver()).not.toContain('applied');
  expect(stage.found).toEqual(before);
});

it('a hold is not reported by the next owner either while a transaction of the one before may be carried out', async () => {
  const first = await uncertain(undefined, { brakes });
  destination.deaf = true;
  await first.stop();
  const upTo = { generation: 1, revision: stage.chronicle.source.revision };
  const id = `${stage.chronicle.stream.id}/changes/1/${upTo.revision}`;
  await new Holds(stage.facts, 'codfw').note(
    { id, brake: 'backlog_age', evidence: 'a test', upTo, deletes: null },
    never,
  );
  destination.thaw();
  const written = destination.applies;
  const next = stage.work({ brakes });
  await next.becomes('held');
  const before = stage.found;
  expect(destination.applies).toBe(written + 1);
  expect(await destination.deliver()).toEqual(['superseded']);
  expect(stage.found).toEqual(before);
  await stage.approve(next);
  await next.reaches(upTo.revision);
  expect(stage.found).toEqual(stage.expected);
  expect(next.states).not.toContain('backing_off');
});
