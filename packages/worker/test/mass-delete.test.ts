import { never, shortWaits, until } from '@tidemark/testing';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Holds } from '../src/index.js';
import { KEYS, Stage } from './support/stage.js';
import { unbraked } from './support/worker-node.js';

beforeAll(shortWaits);

let stage: Stage;

beforeEach(async () => {
  stage = await Stage.open();
});

afterEach(() => stage[Symbol.asyncDispose]());

async function deleteKeys(from: number, to: number): Promise<number> {
  for (let index = from; index < to; index++) stage.chronicle.source.delete(`/a/${index}`);
  await stage.chronicle.catchUp();
  return stage.chronicle.source.revision;
}

describe('a mass delete', () => {
  const brakes = { ...unbraked, maxDeletes: 20 };

  it('holds the destination before it, with what waits as evidence, and goes on when approved', async () => {
    const worker = stage.work({ brakes });
    await worker.reaches(stage.chronicle.source.revision);
    const end = await deleteKeys(0, 60);
    await worker.becomes('held');
    expect(stage.found.size).toBeGreaterThanOrEqual(KEYS - 20);
    expect(worker.hold).toMatchObject({ brake: 'deletes', upTo: { generation: 1, revision: end } });
    expect(worker.hold?.evidence).toContain('brakes.maxDeletes is 20');
    expect(worker.hold?.evidence).toContain('/b/');
    await stage.approve(worker);
    await worker.reaches(end);
    expect(stage.found).toEqual(stage.expected);
    await until(async () => (await new Holds(stage.facts, 'codfw').current(never)) === null, {
      describe: 'no hold noted',
    });
  });

  it('lets go what was shown, and holds what came after it', async () => {
    const worker = stage.work({ brakes });
    await worker.reaches(stage.chronicle.source.revision);
    const shown = await deleteKeys(0, 60);
    await worker.becomes('held');
    const first = worker.hold?.id;
    await deleteKeys(60, 120);
    await stage.approve(worker);
    await until(() => worker.hold?.id !== first && worker.lastState === 'held', { describe: 'another hold' });
    const stored = await stage.destination.checkpoint(never);
    expect(stored?.position.revision).toBeGreaterThanOrEqual(shown);
    expect(stage.found.size).toBeGreaterThanOrEqual(KEYS - 60 - 20);
    expect(stage.found.size).toBeLessThanOrEqual(KEYS - 60);
  });

  it('stays held over a restart, since when it was, and for the same', async () => {
    const first = stage.work({ brakes });
    await first.reaches(stage.chronicle.source.revision);
    await deleteKeys(0, 60);
    await first.becomes('held');
    await first.stop();
    const second = stage.work({ brakes });
    await second.becomes('held');
    expect(second.hold).toEqual(first.hold);
  });

  it('is counted over a restart', async () => {
    const first = stage.work({ brakes });
    await first.reaches(stage.chronicle.source.revision);
    await first.reaches(await deleteKeys(0, 15));
    await first.stop();
    const second = stage.work({ brakes });
    await second.becomes('streaming');
    await deleteKeys(15, 30);
    await second.becomes('held');
    expect(stage.found.size).toBe(KEYS - 20);
  });

  it('is no mass delete when the keys are put again', async () => {
    const worker = stage.work({ brakes });
    await worker.reaches(stage.chronicle.source.revision);
    for (let index = 0; index < 60; index++) {
      stage.chronicle.source.delete(`/a/${index}`);
      stage.chronicle.source.put(`/a/${index}`, 'again');
    }
    await stage.chronicle.catchUp();
    await worker.reaches(stage.chronicle.source.revision);
    expect(worker.states).not.toContain('held');
  });

  it('that a resync would bring is held by its plan', async () => {
    for (let index = 0; index < 60; index++) stage.destination.write(`/b/extra/${index}`, 'x');
    const worker = stage.work({ brakes });
    await worker.becomes('held');
    expect(worker.hold?.evidence).toContain('150 keys would appear, 0 would change, 60 would disappear');
    expect(stage.destination.log).toEqual([]);
    await stage.approve(worker);
    await worker.reaches(stage.chronicle.source.revision);
    expect(stage.found).toEqual(stage.expected);
  });
});
