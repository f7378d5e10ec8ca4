import { isDeepStrictEqual } from 'node:util';
import { UnavailableError } from '@tidemark/core';
import { never, shortWaits, until } from '@tidemark/testing';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Orders } from '../src/index.js';
import { OffJournalWrites } from '../src/write/off-journal.js';
import { Stage } from './support/stage.js';
import type { WorkerNode } from './support/worker-node.js';

beforeAll(shortWaits);

let stage: Stage;

beforeEach(async () => {
  stage = await Stage.open();
});

afterEach(() => stage[Symbol.asyncDispose]());

const offJournal = async () => (await stage.destination.checkpoint(never))?.fence?.offJournal ?? 0;

/** A worker that streams, and a key that somebody else has changed. */
async function drifted(): Promise<WorkerNode> {
  const worker = stage.work();
  await worker.reaches(stage.chronicle.source.revision);
  await worker.becomes('streaming');
  stage.destination.write('/b/1', 'foreign');
  return worker;
}

/** Whenever the leader is asked for a snapshot, it takes one. */
async function endsEqual(): Promise<void> {
  await until(
    async () => {
      if ((await stage.facts.list('snapshots/requested/')).size > 0) await stage.chronicle.snapshot();
      return isDeepStrictEqual(stage.found, stage.expected);
    },
    { describe: 'a destination that is equal' },
  );
}

describe('a repair', () => {
  it('moves the checkpoint, and not the position', async () => {
    const worker = await drifted();
    const before = await stage.destination.checkpoint(never);
    await worker.repair(['/b/1', '/b/2']);
    const after = await stage.destination.checkpoint(never);
    expect(after?.fence?.offJournal).toBeGreaterThan(before?.fence?.offJournal ?? 0);
    expect({ ...after, fence: null }).toEqual({ ...before, fence: null });
    await stage.put('/a/2', 'goes on');
    await worker.reaches(stage.chronicle.source.revision);
    expect(worker.fencings).toBe(0);
  });

  it('that finds nothing to do leaves the checkpoint', async () => {
    const worker = await drifted();
    const before = await stage.destination.checkpoint(never);
    await worker.repair(['/b/2']);
    expect(await stage.destination.checkpoint(never)).toEqual(before);
  });

  it.each(['at once', 'after more was applied', 'while nobody owns it'])(
    'that the destination loses is noticed, and made good: %s',
    async (when) => {
      const worker = await drifted();
      const backup = stage.destination.backup();
      await worker.repair(['/b/1']);
      expect(stage.found).toEqual(stage.expected);
      if (when === 'after more was applied') {
        await stage.put('/a/2', 'goes on');
        await worker.reaches(stage.chronicle.source.revision);
      }
      if (when === 'while nobody owns it') await worker.stop();
      stage.destination.restore(backup);
      expect(stage.found.get('/b/1')).toBe('foreign');
      if (when === 'while nobody owns it') stage.work();
      await endsEqual();
      await until(async () => (await offJournal()) > 0, { describe: 'the fence' });
      // A checkpoint that went back is reported as one, by the owner that knew better.
      if (when !== 'while nobody owns it') expect(worker.fencings).toBeGreaterThan(0);
    },
  );

  it('that was never made is not missed', async () => {
    const worker = await drifted();
    for (let attempt = 0; attempt < 3; attempt++) {
      await worker.becomes('streaming');
      stage.destination.refuse();
      await expect(worker.repair(['/b/1'])).rejects.toThrow(UnavailableError);
      stage.destination.recover();
    }
    await stage.put('/a/2', 'goes on');
    await worker.reaches(stage.chronicle.source.revision);
    await worker.repair(['/b/1']);
    expect(stage.found).toEqual(stage.expected);
    expect(worker.states.slice(worker.states.indexOf('streaming'))).not.toContain('bootstrapping');
    expect(await stage.facts.list('snapshots/requested/')).toEqual(new Map());
  });
});

it('a repair that cannot be noted is not made, and costs nothing else', async () => {
  const worker = await drifted();
  stage.facts.failNext('write', 'destinations/codfw/off-journal', Number.POSITIVE_INFINITY);
  const before = await stage.destination.checkpoint(never);
  await expect(worker.repair(['/b/1'])).rejects.toThrow(/coordination etcd is away/);
  expect(stage.found.get('/b/1')).toBe('foreign');
  expect(await stage.destination.checkpoint(never)).toEqual(before);
  await stage.put('/a/2', 'goes on');
  await worker.reaches(stage.chronicle.source.revision);
  stage.facts.recover();
  await worker.becomes('streaming');
  await worker.repair(['/b/1']);
  expect(stage.found).toEqual(stage.expected);
});

it('a repair that was never made is not missed by the next owner either', async () => {
  const worker = await drifted();
  stage.destination.refuse();
  await expect(worker.repair(['/b/1'])).rejects.toThrow(UnavailableError);
  stage.destination.recover();
  await stage.put('/a/2', 'goes on');
  await worker.reaches(stage.chronicle.source.revision);
  await worker.stop();
  const next = stage.work();
  await next.becomes('streaming');
  expect(next.states).not.toContain('bootstrapping');
  expect(await stage.facts.list('snapshots/requested/')).toEqual(new Map());
});

it('a resync that the destination loses is made again', async () => {
  const worker = await drifted();
  const backup = stage.destination.backup();
  await new Orders(stage.facts, 'codfw').resync('sre@host', never);
  await endsEqual();
  await worker.becomes('streaming');
  stage.destination.restore(backup);
  expect(stage.found.get('/b/1')).toBe('foreign');
  await endsEqual();
});

it('a resync that the destination loses is made again although the first attempt at that fails', async () => {
  const worker = await drifted();
  const backup = stage.destination.backup();
  await new Orders(stage.facts, 'codfw').resync('sre@host', never);
  await endsEqual();
  await worker.becomes('streaming');
  const noted = () => stage.facts.read('destinations/codfw/off-journal');
  const before = await noted();
  stage.destination.refuse();
  stage.destination.restore(backup);
  await until(
    async () => {
      if ((await stage.facts.list('snapshots/requested/')).size > 0) await stage.chronicle.snapshot();
      return (await noted()) !== before;
    },
    { describe: 'a resync that is begun' },
  );
  await until(() => worker.looks(20), { describe: 'some more attempts' });
  stage.destination.recover();
  await endsEqual();
});

it('an off-journal write counts more than all before it, also by a clock that goes wrong', async () => {
  const ahead = Date.now() + 3_600_000;
  await stage.facts.write('destinations/codfw/off-journal', JSON.stringify({ offJournal: ahead }));
  const writes = new OffJournalWrites(stage.facts, 'codfw');
  const worker = await drifted();
  const checkpoint = await stage.destination.checkpoint(never);
  expect(checkpoint?.fence?.offJournal).toBeGreaterThan(ahead);
  await worker.stop();
  const next = await writes.begin(checkpoint, never);
  expect(next.offJournal).toBeGreaterThan(checkpoint?.fence?.offJournal ?? 0);
});
