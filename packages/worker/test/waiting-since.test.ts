import { shortWaits, until } from '@tidemark/testing';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Stage } from './support/stage.js';
import { unbraked } from './support/worker-node.js';

const A_DAY_MS = 86_400_000;
const BRAKED = { brakes: { ...unbraked, maxDeletes: 20 } };

beforeAll(shortWaits);

let stage: Stage;

/** A destination that has everything, and whose owner has left. */
beforeEach(async () => {
  stage = await Stage.open();
  const first = stage.work();
  await first.reaches(stage.chronicle.source.revision);
  await first.stop();
});

afterEach(() => stage[Symbol.asyncDispose]());

function deleteMany(): void {
  for (let index = 0; index < 60; index++) stage.chronicle.source.delete(`/a/${index}`);
}

describe('since when changes wait is reported', () => {
  it('of a destination that fell out of the journal, and is held', async () => {
    const { chronicle } = stage;
    deleteMany();
    await chronicle.catchUp();
    await chronicle.snapshot();
    const { revision } = chronicle.source;
    const time = Date.now() - A_DAY_MS;
    chronicle.journal.loseUpTo(revision, { time });
    const worker = stage.work(BRAKED);
    await until(() => worker.hold !== null, { describe: 'held' });
    expect(worker.hold?.brake).toBe('deletes');
    expect(worker.waitingSince).toBe(time);
  });

  it('of a destination for which history began again while it was away, and that is held', async () => {
    const before = Date.now();
    deleteMany();
    await stage.chronicle.reset('rewound');
    const worker = stage.work(BRAKED);
    await worker.becomes('held');
    expect(worker.waitingSince).toBeGreaterThanOrEqual(before);
  });

  it('by an owner who finds it held', async () => {
    const before = Date.now();
    deleteMany();
    await stage.chronicle.catchUp();
    const held = stage.work(BRAKED);
    await held.becomes('held');
    await held.stop();
    const worker = stage.work(BRAKED);
    await worker.becomes('held');
    expect(worker.waitingSince).toBeGreaterThanOrEqual(before);
  });

  it('before a long backlog is counted', async () => {
    const before = Date.now();
    await stage.put('/a/new', 'x');
    await stage.put('/a/newer', 'x');
    // The second record never comes: whoever counts waits for it.
    stage.chronicle.journal.stallAfterFirst();
    const worker = stage.work({ brakes: { ...unbraked, maxBacklogChanges: 100_000 } });
    await until(() => worker.waitingSince !== null, { describe: 'a time' });
    expect(worker.waitingSince).toBeGreaterThanOrEqual(before);
    expect(worker.states).not.toContain('streaming');
  });
});
