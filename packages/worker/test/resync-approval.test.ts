import { JournalHints } from '@tidemark/core';
import { MemoryDestination, never, shortWaits, until } from '@tidemark/testing';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Holds } from '../src/index.js';
import { Stage } from './support/stage.js';
import { unbraked } from './support/worker-node.js';

beforeAll(shortWaits);

let stage: Stage;

beforeEach(async () => {
  stage = await Stage.open();
});

afterEach(() => stage[Symbol.asyncDispose]());

describe('a resync', () => {
  const brakes = { ...unbraked, maxDeletes: 20 };

  it('deletes no more keys than its plan said', async () => {
    stage.destination.write('/b/extra/0', 'x');
    stage.destination.before(1, () => {
      for (let index = 1; index < 60; index++) stage.destination.write(`/b/extra/${index}`, 'x');
    });
    const worker = stage.work({ brakes });
    await worker.becomes('held');
    const extra = [...stage.found.keys()].filter((key) => key.startsWith('/b/extra/'));
    expect(extra.length).toBeGreaterThanOrEqual(60 - 1);
    expect(worker.hold?.evidence).toContain(`${extra.length} would disappear`);
  });

  it('that would delete more than was shown shows that, and needs another approval', async () => {
    for (let index = 0; index < 30; index++) stage.destination.write(`/b/extra/${index}`, 'x');
    const first = stage.work({ brakes });
    await first.becomes('held');
    await first.stop();
    await stage.approve(first);
    for (let index = 30; index < 60; index++) stage.destination.write(`/b/extra/${index}`, 'x');
    const second = stage.work({ brakes });
    await second.becomes('held');
    expect(second.hold?.evidence).toContain('60 would disappear');
    expect([...stage.found.keys()].filter((key) => key.startsWith('/b/extra/'))).toHaveLength(60);
    await stage.approve(second);
    await second.reaches(stage.chronicle.source.revision);
    expect(stage.found).toEqual(stage.expected);
  });

  it('does not believe a journal that its leader has not taken over yet', async () => {
    const { chronicle } = stage;
    const hints = new JournalHints(stage.facts);
    const position = { generation: 9, revision: 9_000 };
    await hints.write({ journal: 'the one that an older copy of this was put in the place of', position }, never);
    const { infos } = chronicle.journal;
    const worker = stage.work();
    await until(() => chronicle.journal.infos > infos + 3, { describe: 'looks for a snapshot' });
    expect(stage.destination.log).toEqual([]);
    expect((await stage.facts.list('snapshots/requested/')).size).toBe(0);
    await hints.write({ journal: chronicle.stream.id, position }, never);
    await worker.reaches(chronicle.source.revision);
    expect(stage.found).toEqual(stage.expected);
  });

  it('that was approved needs no other approval after a crash in the middle', async () => {
    stage.destination = new MemoryDestination({ limits: { maxWrites: 10, maxBytes: 1024 * 1024 } });
    for (let index = 0; index < 60; index++) stage.destination.write(`/b/extra/${index}`, 'x');
    const first = stage.work({ brakes });
    await first.becomes('held');
    stage.destination.refuseFrom(19);
    await stage.approve(first);
    await first.becomes('backing_off');
    await first.stop();
    const extra = [...stage.found.keys()].filter((key) => key.startsWith('/b/extra/'));
    expect(extra.length).toBeGreaterThan(20);
    expect(extra.length).toBeLessThan(60);
    stage.destination.recover();
    const second = stage.work({ brakes });
    await second.becomes('streaming');
    expect(second.states).not.toContain('held');
    expect(stage.found).toEqual(stage.expected);
  });
});

describe('a hold', () => {
  it('whose note is lost is noted again, so that it can be approved', async () => {
    for (let index = 0; index < 60; index++) stage.destination.write(`/b/extra/${index}`, 'x');
    const worker = stage.work({ brakes: { ...unbraked, maxDeletes: 20 } });
    await worker.becomes('held');
    await stage.facts.remove('destinations/codfw/hold');
    const holds = new Holds(stage.facts, 'codfw');
    await until(async () => (await holds.current(never)) !== null, { describe: 'the note' });
    expect(await holds.current(never)).toEqual(worker.hold);
  });
});

describe('a resync that is held', () => {
  it('stays held while no snapshot can be begun with, and gives way to a newer one', async () => {
    for (let index = 0; index < 60; index++) stage.destination.write(`/b/extra/${index}`, 'x');
    const worker = stage.work({ brakes: { ...unbraked, maxDeletes: 20 } });
    await worker.becomes('held');
    const shown = worker.hold?.id;
    const { snapshots } = stage.chronicle.journal;
    snapshots.hide();
    await until(() => snapshots.hiddenLooks > 2, { describe: 'looks for a snapshot' });
    expect((await stage.facts.list('snapshots/requested/')).size).toBe(0);
    expect(worker.lastState).toBe('held');
    snapshots.show();
    stage.chronicle.source.put('/a/newer', 'x');
    await stage.chronicle.catchUp();
    await stage.chronicle.snapshot();
    await until(() => worker.hold?.id !== shown && worker.lastState === 'held', { describe: 'another hold' });
    expect(worker.hold?.evidence).toContain('151 keys would appear');
    await stage.approve(worker);
    await worker.reaches(stage.chronicle.source.revision);
    expect(stage.found).toEqual(stage.expected);
  });
});
