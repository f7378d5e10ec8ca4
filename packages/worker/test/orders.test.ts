import { MemoryDestination, never, shortWaits, until } from '@tidemark/testing';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Holds, Orders } from '../src/index.js';
import { KEYS, Stage } from './support/stage.js';
import { filter, unbraked } from './support/worker-node.js';

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

describe('a backlog', () => {
  it('is held at the start when too many changes wait, and not later', async () => {
    const first = stage.work();
    await first.reaches(stage.chronicle.source.revision);
    await first.stop();
    for (let index = 0; index < 30; index++) stage.chronicle.source.put(`/a/new/${index}`, 'x');
    await stage.chronicle.catchUp();
    const second = stage.work({ brakes: { ...unbraked, maxBacklogChanges: 20 } });
    await second.becomes('held');
    expect(second.hold).toMatchObject({ brake: 'backlog_changes' });
    await stage.approve(second);
    await second.reaches(stage.chronicle.source.revision);
    for (let index = 0; index < 30; index++) stage.chronicle.source.put(`/a/newer/${index}`, 'x');
    await stage.chronicle.catchUp();
    await second.reaches(stage.chronicle.source.revision);
    expect(second.states.filter((state) => state === 'held')).toHaveLength(1);
    expect(stage.found).toEqual(stage.expected);
  });

  it('is held at the start when its oldest change is too old', async () => {
    const first = stage.work();
    await first.reaches(stage.chronicle.source.revision);
    await first.stop();
    stage.chronicle.source.put('/a/new', 'x');
    await stage.chronicle.catchUp();
    const journaled = Date.now();
    await until(() => Date.now() > journaled, { everyMs: 1, describe: 'the change to be older than nothing' });
    const second = stage.work({ brakes: { ...unbraked, maxBacklogAge: 0 } });
    await until(() => ['held', 'streaming'].includes(second.lastState ?? ''), { describe: 'held' });
    expect(second.hold).toMatchObject({ brake: 'backlog_age' });
  });
});

describe('changed routes', () => {
  const others = filter.with([{ prefix: '/a/1', rewrite: '/b/1', exclude: [], leased: 'keep' }]);

  it('are held, show what appears and disappears, and take keys away that no route takes any more', async () => {
    const first = stage.work();
    await first.reaches(stage.chronicle.source.revision);
    await first.stop();
    const second = stage.work({ filter: others });
    await second.becomes('held');
    const kept = [...stage.expected.keys()].filter((key) => key.startsWith('/b/1'));
    expect(second.hold).toMatchObject({ brake: 'filter' });
    expect(second.hold?.evidence).toContain(
      `0 keys would appear, 0 would change, ${KEYS - kept.length} would disappear`,
    );
    expect(stage.found).toEqual(stage.expected);
    await stage.approve(second);
    await second.becomes('streaming');
    expect([...stage.found.keys()].sort()).toEqual(kept.sort());
  });

  it('are no reason to hold when they mean the same', async () => {
    const first = stage.work();
    await first.reaches(stage.chronicle.source.revision);
    await first.stop();
    const second = stage.work({
      filter: filter.with([
        { prefix: '/nothing/', exclude: [], leased: 'keep' },
        { prefix: '/a/', rewrite: '/b/', exclude: [], leased: 'keep' },
      ]),
    });
    await second.becomes('streaming');
    expect(second.states).not.toContain('held');
  });

  it('that are taken back before anybody approved leave everything as it was', async () => {
    const first = stage.work();
    await first.reaches(stage.chronicle.source.revision);
    await first.stop();
    const second = stage.work({ filter: others });
    await second.becomes('held');
    await second.stop();
    const third = stage.work();
    await third.becomes('streaming');
    expect(stage.found).toEqual(stage.expected);
  });
});

describe('a pause', () => {
  it('stops within moments, outlives restarts, and ends with resume', async () => {
    const first = stage.work();
    await first.becomes('streaming');
    await new Orders(stage.facts, 'codfw').pause('sre@host', never);
    await first.becomes('paused');
    await first.stop();
    const before = stage.found;
    const second = stage.work();
    stage.chronicle.source.put('/a/while paused', 'x');
    await stage.chronicle.catchUp();
    await second.becomes('paused');
    expect(stage.found).toEqual(before);
    await new Orders(stage.facts, 'codfw').resume(never);
    await second.reaches(stage.chronicle.source.revision);
    expect(stage.found).toEqual(stage.expected);
  });

  it('can interrupt a resync, which goes on afterwards', async () => {
    const small = new MemoryDestination({ limits: { maxWrites: 2, maxBytes: 1024 } });
    stage.destination = small;
    small.before(20, () => void new Orders(stage.facts, 'codfw').pause('sre@host', never));
    const worker = stage.work();
    await worker.becomes('paused');
    expect((await small.checkpoint(never))?.resync).not.toBeNull();
    await new Orders(stage.facts, 'codfw').resume(never);
    await worker.reaches(stage.chronicle.source.revision);
    expect(stage.found).toEqual(stage.expected);
  });
});

describe('a resync', () => {
  it('compares with a snapshot that is not older than the destination, and writes what differs', async () => {
    const worker = stage.work();
    await worker.reaches(stage.chronicle.source.revision);
    stage.chronicle.source.put('/a/since', 'the snapshot');
    await stage.chronicle.catchUp();
    await worker.reaches(stage.chronicle.source.revision);
    stage.destination.write('/b/3', 'somebody else was here');
    stage.destination.write('/b/4', null);
    const written = stage.destination.log.length;
    await new Orders(stage.facts, 'codfw').resync('sre@host', never);
    // The leader is asked for a snapshot.
    await until(async () => (await stage.facts.list('snapshots/requested/')).size === 1, { describe: 'a request for a snapshot' });
    expect(stage.found.get('/b/3')).toBe('somebody else was here');
    await stage.chronicle.snapshot();
    await until(() => stage.found.get('/b/4') === 'value 4', { describe: 'the destination in order' });
    await worker.becomes('streaming');
    expect(stage.found).toEqual(stage.expected);
    const keys = stage.destination.log.slice(written).flatMap(({ writes }) => writes.map(({ key }) => key.toString()));
    expect(keys.sort()).toEqual(['/b/3', '/b/4']);
    expect((await stage.facts.list('')).keys()).not.toContain('destinations/codfw/resync');
  });
});

describe('a repair', () => {
  it('writes the keys that differ at the present position, and no other', async () => {
    const worker = stage.work();
    await worker.reaches(stage.chronicle.source.revision);
    stage.destination.write('/b/1', 'foreign');
    stage.destination.write('/b/extra', 'foreign');
    stage.destination.write('/c', 'not ours');
    expect(await worker.repair(['/b/1', '/b/2', '/b/extra', '/c'])).toEqual({ puts: 1, deletes: 1 });
    expect(stage.found).toEqual(stage.expected);
    expect(stage.destination.content().get('/c')).toBe('not ours');
  });

  it('takes away what a stranger put where a leased key is skipped', async () => {
    const worker = stage.work({
      filter: filter.with([{ prefix: '/a/', rewrite: '/b/', exclude: [], leased: 'skip' }]),
    });
    await worker.becomes('streaming');
    stage.chronicle.source.put('/a/leased', 'of a lease', 7n);
    await stage.chronicle.catchUp();
    await worker.reaches(stage.chronicle.source.revision);
    stage.destination.write('/b/leased', 'foreign');
    expect(await worker.repair(['/b/leased'])).toEqual({ puts: 0, deletes: 1 });
    expect(stage.found.has('/b/leased')).toBe(false);
  });

  it('is refused while the destination does not stream', async () => {
    await new Orders(stage.facts, 'codfw').pause('sre@host', never);
    const worker = stage.work();
    await worker.becomes('paused');
    await expect(worker.repair(['/b/1'])).rejects.toMatchObject({ code: 'NOT_STREAMING' });
  });

  it('follows a foreign write at once when it is automatic', async () => {
    const worker = stage.work({ repairAutomatically: true });
    await worker.reaches(stage.chronicle.source.revision);
    // Watching begins a moment after the destination has been brought up: a stranger writes until he is seen.
    const isSeen = () => {
      if (worker.foreignKeys.length === 0) stage.destination.write('/b/5', 'foreign');
      return worker.foreignKeys.length > 0;
    };
    await until(isSeen, { describe: 'the stranger seen' });
    await until(() => stage.found.get('/b/5') === 'value 5', { describe: 'the repair' });
    expect(new Set(worker.foreignKeys)).toEqual(new Set(['/b/5']));
  });
});

describe('a delay', () => {
  it('lets changes wait, and applies them when they are old enough', async () => {
    const worker = stage.work({ delayMs: 300 });
    await worker.becomes('streaming');
    const written = Date.now();
    stage.chronicle.source.put('/a/late', 'x');
    await stage.chronicle.catchUp();
    await until(() => stage.found.has('/b/late'), { describe: 'the change' });
    expect(Date.now() - written).toBeGreaterThanOrEqual(300);
  });
});
