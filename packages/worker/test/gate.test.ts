import { MemoryDestination, never, shortWaits, until } from '@tidemark/testing';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Holds } from '../src/index.js';
import { KEYS, Stage } from './support/stage.js';
import { unbraked, type WorkerNode } from './support/worker-node.js';

beforeAll(shortWaits);
const DELETED = 60;
const brakes = { ...unbraked, maxDeletes: 20 };

let stage: Stage;

beforeEach(async () => {
  stage = await Stage.open();
});

afterEach(() => stage[Symbol.asyncDispose]());

/** The destination has everything, and then a mass delete is journaled while nobody owns it. */
async function missesDeletes(): Promise<void> {
  const worker = stage.work();
  await worker.reaches(stage.chronicle.source.revision);
  await worker.stop();
  for (let index = 0; index < DELETED; index++) stage.chronicle.source.delete(`/a/${index}`);
  await stage.chronicle.catchUp();
}

async function heldOrStreaming(worker: WorkerNode): Promise<void> {
  await until(() => ['held', 'streaming'].includes(worker.lastState ?? ''), { describe: 'held or streaming' });
}

describe('an approval of changes', () => {
  it('outlives a crash in the middle of what was approved', async () => {
    stage.destination = new MemoryDestination({ limits: { maxWrites: 10, maxBytes: 1024 * 1024 } });
    await missesDeletes();
    const first = stage.work({ brakes });
    await first.becomes('held');
    const { applies } = stage.destination;
    stage.destination.refuseFrom(applies + 4);
    await stage.approve(first);
    await first.becomes('backing_off');
    await first.stop();
    expect(stage.found.size).toBeLessThan(KEYS - 20);
    expect(stage.found.size).toBeGreaterThan(KEYS - DELETED);
    stage.destination.recover();
    const second = stage.work({ brakes });
    await second.reaches(stage.chronicle.source.revision);
    // What was approved counts for nothing, whoever carried it out.
    for (let index = DELETED; index < DELETED + 5; index++) stage.chronicle.source.delete(`/a/${index}`);
    await stage.chronicle.catchUp();
    await second.reaches(stage.chronicle.source.revision);
    expect(second.states).not.toContain('held');
    expect(stage.found).toEqual(stage.expected);
  });

  it('reaches to where history began again, and what comes after it is a resync', async () => {
    await missesDeletes();
    await stage.chronicle.reset('compacted');
    await stage.put('/a/0', 'of the new generation');
    const worker = stage.work({ brakes: { ...unbraked, maxBacklogChanges: 20 } });
    await worker.becomes('held');
    expect(worker.hold?.upTo?.generation).toBe(1);
    const arrives = async () => {
      // The resync may be held, too.
      if (worker.lastState === 'held') await stage.approve(worker);
      return worker.lastState === 'streaming' && worker.position.generation === 2;
    };
    await until(arrives, { describe: 'the new generation' });
    await worker.reaches(stage.chronicle.source.revision, 2);
    expect(stage.found).toEqual(stage.expected);
  });

  it('is one for all brakes: they do not wait again because they are many', async () => {
    await missesDeletes();
    const worker = stage.work({ brakes: { ...brakes, maxBacklogChanges: 2 * DELETED } });
    await worker.becomes('held');
    expect(worker.hold).toMatchObject({ brake: 'deletes' });
    await worker.stop();
    const second = stage.work({ brakes: { ...brakes, maxBacklogChanges: 20 } });
    await second.becomes('held');
    expect(second.hold).toEqual(worker.hold);
    // Few enough by themselves.
    for (let index = 0; index < 10; index++) stage.chronicle.source.put(`/a/new/${index}`, 'x');
    await stage.chronicle.catchUp();
    await stage.approve(second);
    await second.reaches(stage.chronicle.source.revision);
    expect(second.hold).toEqual(worker.hold);
  });

  it.each([
    ['journal', () => ({ journal: 'another', generation: 1 })],
    ['generation', () => ({ journal: stage.chronicle.stream.id, generation: 2 })],
  ])('of another %s is none for the same revisions of this one', async (_, of) => {
    await missesDeletes();
    const { journal, generation } = of();
    const upTo = { generation, revision: stage.chronicle.source.revision };
    const id = `${journal}/changes/${generation}/${upTo.revision}`;
    const holds = new Holds(stage.facts, 'codfw');
    await holds.note({ id, brake: 'deletes', evidence: 'many', upTo, deletes: null }, never);
    await holds.approve({ id, by: 'sre@host', at: 'now' }, never);
    const worker = stage.work({ brakes });
    await worker.becomes('held');
    expect(worker.hold?.id).not.toBe(id);
    expect(stage.found.size).toBeGreaterThanOrEqual(KEYS - 20);
  });
});

it('what a brake held that has been turned off since goes on without approval', async () => {
  await missesDeletes();
  const first = stage.work({ brakes });
  await first.becomes('held');
  await first.stop();
  const second = stage.work();
  await heldOrStreaming(second);
  await second.reaches(stage.chronicle.source.revision);
  expect(second.states).not.toContain('held');
  expect(stage.found).toEqual(stage.expected);
});

/** Takes a while to carry out a transaction, as real ones do: a count that does not wait for it comes first. */
class LeisurelyDestination extends MemoryDestination {
  override async apply(...call: Parameters<MemoryDestination['apply']>) {
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
    return await super.apply(...call);
  }
}

it('a share is one of the keys that are left, once what was admitted is carried out', async () => {
  stage.destination = new LeisurelyDestination();
  await missesDeletes();
  const worker = stage.work({ brakes: { ...unbraked, maxDeletePercent: 20 } });
  await worker.becomes('held');
  expect(worker.hold).toMatchObject({ brake: 'delete_percent' });
  expect(stage.found.size).toBe(KEYS - KEYS / 5);
});

it('deletes are counted over a restart also while the journal still begins in an older generation', async () => {
  const { chronicle } = stage;
  await chronicle.reset('compacted');
  const first = stage.work({ brakes });
  await first.reaches(chronicle.source.revision, 2);
  const remove = async (from: number, to: number) => {
    for (let index = from; index < to; index++) chronicle.source.delete(`/a/${index}`);
    await chronicle.catchUp();
  };
  await remove(0, 15);
  await first.reaches(chronicle.source.revision, 2);
  await first.stop();
  const second = stage.work({ brakes });
  await second.becomes('streaming');
  await remove(15, 30);
  await second.becomes('held');
  // What is held is the one that would be the 21st.
  expect(stage.found.size).toBe(KEYS - 20);
});
