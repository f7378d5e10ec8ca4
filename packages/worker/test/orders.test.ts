import { MemoryDestination, MemoryFacts, shortWaits, until } from '@tidemark/testing';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Holds, Orders } from '../src/index.js';
import { Chronicle } from './support/chronicle.js';
import { filter, owned, replica, unbraked, WorkerNode } from './support/worker-node.js';

beforeAll(shortWaits);

const never = new AbortController().signal;
const KEYS = 150;

let chronicle: Chronicle;
let destination: MemoryDestination;
let facts: MemoryFacts;
let workers: WorkerNode[];

beforeEach(async () => {
  chronicle = new Chronicle();
  destination = new MemoryDestination();
  facts = new MemoryFacts();
  workers = [];
  for (let index = 0; index < KEYS; index++) chronicle.source.put(`/a/${index}`, `value ${index}`);
  await chronicle.reset();
});

afterEach(async () => {
  await Promise.all(workers.map((worker) => worker.stop()));
});

function work(options: ConstructorParameters<typeof WorkerNode>[2] = {}): WorkerNode {
  const worker = new WorkerNode(chronicle, destination, { facts, ...options });
  workers.push(worker);
  return worker;
}

async function deleteKeys(from: number, to: number): Promise<number> {
  for (let index = from; index < to; index++) chronicle.source.delete(`/a/${index}`);
  await chronicle.catchUp();
  return chronicle.source.revision;
}

async function approve(worker: WorkerNode): Promise<void> {
  await new Holds(facts, 'codfw').approve({ id: worker.hold?.id ?? '', by: 'sre@host', at: 'now' }, never);
}

const expected = () => replica(chronicle.source.content());
const found = () => owned(destination.content());

describe('a mass delete', () => {
  const brakes = { ...unbraked, maxDeletes: 20 };

  it('holds the destination before it, with what waits as evidence, and goes on when approved', async () => {
    const worker = work({ brakes });
    await worker.reaches(chronicle.source.revision);
    const end = await deleteKeys(0, 60);
    await worker.becomes('held');
    expect(found().size).toBeGreaterThanOrEqual(KEYS - 20);
    expect(worker.hold).toMatchObject({ brake: 'deletes', upTo: { generation: 1, revision: end } });
    expect(worker.hold?.evidence).toContain('brakes.maxDeletes is 20');
    expect(worker.hold?.evidence).toContain('/b/');
    await approve(worker);
    await worker.reaches(end);
    expect(found()).toEqual(expected());
    await until(async () => (await new Holds(facts, 'codfw').current(never)) === null, { describe: 'no hold noted' });
  });

  it('lets go what was shown, and holds what came after it', async () => {
    const worker = work({ brakes });
    await worker.reaches(chronicle.source.revision);
    const shown = await deleteKeys(0, 60);
    await worker.becomes('held');
    const first = worker.hold?.id;
    await deleteKeys(60, 120);
    await approve(worker);
    await until(() => worker.hold?.id !== first && worker.lastState === 'held', { describe: 'another hold' });
    const stored = await destination.checkpoint(never);
    expect(stored?.position.revision).toBeGreaterThanOrEqual(shown);
    expect(found().size).toBeGreaterThanOrEqual(KEYS - 60 - 20);
    expect(found().size).toBeLessThanOrEqual(KEYS - 60);
  });

  it('stays held over a restart, since when it was, and for the same', async () => {
    const first = work({ brakes });
    await first.reaches(chronicle.source.revision);
    await deleteKeys(0, 60);
    await first.becomes('held');
    await first.stop();
    const second = work({ brakes });
    await second.becomes('held');
    expect(second.hold).toEqual(first.hold);
  });

  it('is counted over a restart', async () => {
    const first = work({ brakes });
    await first.reaches(chronicle.source.revision);
    await first.reaches(await deleteKeys(0, 15));
    await first.stop();
    const second = work({ brakes });
    await second.becomes('streaming');
    await deleteKeys(15, 30);
    await second.becomes('held');
    expect(found().size).toBe(KEYS - 20);
  });

  it('is no mass delete when the keys are put again', async () => {
    const worker = work({ brakes });
    await worker.reaches(chronicle.source.revision);
    for (let index = 0; index < 60; index++) {
      chronicle.source.delete(`/a/${index}`);
      chronicle.source.put(`/a/${index}`, 'again');
    }
    await chronicle.catchUp();
    await worker.reaches(chronicle.source.revision);
    expect(worker.states).not.toContain('held');
  });

  it('that a base would bring is held by its plan', async () => {
    for (let index = 0; index < 60; index++) destination.write(`/b/extra/${index}`, 'x');
    const worker = work({ brakes });
    await worker.becomes('held');
    expect(worker.hold?.evidence).toContain('150 keys would appear, 0 would change, 60 would disappear');
    expect(destination.log).toEqual([]);
    await approve(worker);
    await worker.reaches(chronicle.source.revision);
    expect(found()).toEqual(expected());
  });
});

describe('a backlog', () => {
  it('is held at the start when too many changes wait, and not later', async () => {
    const first = work();
    await first.reaches(chronicle.source.revision);
    await first.stop();
    for (let index = 0; index < 30; index++) chronicle.source.put(`/a/new/${index}`, 'x');
    await chronicle.catchUp();
    const second = work({ brakes: { ...unbraked, maxBacklogChanges: 20 } });
    await second.becomes('held');
    expect(second.hold).toMatchObject({ brake: 'backlog_changes' });
    await approve(second);
    await second.reaches(chronicle.source.revision);
    for (let index = 0; index < 30; index++) chronicle.source.put(`/a/newer/${index}`, 'x');
    await chronicle.catchUp();
    await second.reaches(chronicle.source.revision);
    expect(second.states.filter((state) => state === 'held')).toHaveLength(1);
    expect(found()).toEqual(expected());
  });

  it('is held at the start when its oldest change is too old', async () => {
    const first = work();
    await first.reaches(chronicle.source.revision);
    await first.stop();
    chronicle.source.put('/a/new', 'x');
    await chronicle.catchUp();
    // Older than a millisecond by the time the worker looks.
    const second = work({ brakes: { ...unbraked, maxBacklogAge: 0 } });
    await until(() => ['held', 'streaming'].includes(second.lastState ?? ''), { describe: 'held' });
    expect(second.hold).toMatchObject({ brake: 'backlog_age' });
  });
});

describe('changed routes', () => {
  const others = filter.with([{ prefix: '/a/1', rewrite: '/b/1', exclude: [], leased: 'keep' }]);

  it('are held, show what appears and disappears, and take keys away that no route takes any more', async () => {
    const first = work();
    await first.reaches(chronicle.source.revision);
    await first.stop();
    const second = work({ filter: others });
    await second.becomes('held');
    const kept = [...expected().keys()].filter((key) => key.startsWith('/b/1'));
    expect(second.hold).toMatchObject({ brake: 'filter' });
    expect(second.hold?.evidence).toContain(
      `0 keys would appear, 0 would change, ${KEYS - kept.length} would disappear`,
    );
    expect(found()).toEqual(expected());
    await approve(second);
    await second.becomes('streaming');
    expect([...found().keys()].sort()).toEqual(kept.sort());
  });

  it('are no reason to hold when they mean the same', async () => {
    const first = work();
    await first.reaches(chronicle.source.revision);
    await first.stop();
    const second = work({
      filter: filter.with([
        { prefix: '/nothing/', exclude: [], leased: 'keep' },
        { prefix: '/a/', rewrite: '/b/', exclude: [], leased: 'keep' },
      ]),
    });
    await second.becomes('streaming');
    expect(second.states).not.toContain('held');
  });

  it('that are taken back before anybody approved leave everything as it was', async () => {
    const first = work();
    await first.reaches(chronicle.source.revision);
    await first.stop();
    const second = work({ filter: others });
    await second.becomes('held');
    await second.stop();
    const third = work();
    await third.becomes('streaming');
    expect(found()).toEqual(expected());
  });
});

describe('a pause', () => {
  it('stops within moments, outlives restarts, and ends with resume', async () => {
    const first = work();
    await first.becomes('streaming');
    await new Orders(facts, 'codfw').pause('sre@host', never);
    await first.becomes('paused');
    await first.stop();
    const before = found();
    const second = work();
    chronicle.source.put('/a/while paused', 'x');
    await chronicle.catchUp();
    await second.becomes('paused');
    expect(found()).toEqual(before);
    await new Orders(facts, 'codfw').resume(never);
    await second.reaches(chronicle.source.revision);
    expect(found()).toEqual(expected());
  });

  it('can interrupt a bootstrap, which goes on afterwards', async () => {
    const small = new MemoryDestination({ limits: { maxWrites: 2, maxBytes: 1024 } });
    destination = small;
    small.faultAt = (apply) => {
      if (apply === 20) void new Orders(facts, 'codfw').pause('sre@host', never);
      return null;
    };
    const worker = work();
    await worker.becomes('paused');
    expect((await small.checkpoint(never))?.resync).not.toBeNull();
    await new Orders(facts, 'codfw').resume(never);
    await worker.reaches(chronicle.source.revision);
    expect(found()).toEqual(expected());
  });
});

describe('a resync', () => {
  it('compares with a snapshot that is not older than the destination, and writes what differs', async () => {
    const worker = work();
    await worker.reaches(chronicle.source.revision);
    chronicle.source.put('/a/since', 'the snapshot');
    await chronicle.catchUp();
    await worker.reaches(chronicle.source.revision);
    destination.write('/b/3', 'somebody else was here');
    destination.write('/b/4', null);
    const written = destination.log.length;
    await new Orders(facts, 'codfw').resync('sre@host', never);
    // The leader is told that a snapshot is wanted.
    await until(async () => (await facts.list('snapshots/wanted/')).size === 1, { describe: 'a wish' });
    expect(found().get('/b/3')).toBe('somebody else was here');
    await chronicle.snapshot();
    await until(() => found().get('/b/4') === 'value 4', { describe: 'the destination in order' });
    await worker.becomes('streaming');
    expect(found()).toEqual(expected());
    const keys = destination.log.slice(written).flatMap(({ writes }) => writes.map(({ key }) => key.toString()));
    expect(keys.sort()).toEqual(['/b/3', '/b/4']);
    expect((await facts.list('')).keys()).not.toContain('destinations/codfw/resync');
  });
});

describe('a repair', () => {
  it('writes the keys that differ at the present position, and no other', async () => {
    const worker = work();
    await worker.reaches(chronicle.source.revision);
    destination.write('/b/1', 'foreign');
    destination.write('/b/extra', 'foreign');
    destination.write('/c', 'not ours');
    expect(await worker.repair(['/b/1', '/b/2', '/b/extra', '/c'])).toEqual({ puts: 1, deletes: 1 });
    expect(found()).toEqual(expected());
    expect(destination.content().get('/c')).toBe('not ours');
  });

  it('is refused while the destination does not stream', async () => {
    await new Orders(facts, 'codfw').pause('sre@host', never);
    const worker = work();
    await worker.becomes('paused');
    await expect(worker.repair(['/b/1'])).rejects.toMatchObject({ code: 'NOT_STREAMING' });
  });

  it('follows a foreign write at once when it is automatic', async () => {
    const worker = work({ repairAutomatically: true });
    await worker.reaches(chronicle.source.revision);
    // Watching begins a moment after the destination has been brought up: a stranger writes until he is seen.
    const isSeen = () => {
      if (worker.foreignKeys.length === 0) destination.write('/b/5', 'foreign');
      return worker.foreignKeys.length > 0;
    };
    await until(isSeen, { describe: 'the stranger seen' });
    await until(() => found().get('/b/5') === 'value 5', { describe: 'the repair' });
    expect(new Set(worker.foreignKeys)).toEqual(new Set(['/b/5']));
  });
});

describe('a delay', () => {
  it('lets changes wait, and applies them when they are old enough', async () => {
    const worker = work({ delayMs: 300 });
    await worker.becomes('streaming');
    const written = Date.now();
    chronicle.source.put('/a/late', 'x');
    await chronicle.catchUp();
    await until(() => found().has('/b/late'), { describe: 'the change' });
    expect(Date.now() - written).toBeGreaterThanOrEqual(300);
  });
});
