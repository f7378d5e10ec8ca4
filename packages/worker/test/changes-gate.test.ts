import { shortWaits, until } from '@tidemark/testing';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Holds } from '../src/index.js';
import { Stage } from './support/stage.js';
import { unbraked, type WorkerNode } from './support/worker-node.js';

beforeAll(shortWaits);

const never = new AbortController().signal;
const brakes = { ...unbraked, maxBacklogChanges: 10 };
const MINUTE_MS = 60_000;

let stage: Stage;

beforeEach(async () => {
  stage = await Stage.open();
  const worker = stage.work();
  await worker.reaches(stage.chronicle.source.revision);
  await worker.stop();
});

afterEach(() => stage[Symbol.asyncDispose]());

function putAll(count: number, prefix = '/a/new/'): void {
  for (let index = 0; index < count; index++) stage.chronicle.source.put(`${prefix}${index}`, 'x');
}

const revision = () => stage.chronicle.source.revision;

async function approve(id: string): Promise<void> {
  await new Holds(stage.facts, 'codfw').approve({ id, by: 'sre@host', at: 'now' }, never);
}

/** The worker shows a hold of everything up to a revision. */
async function showsUpTo(worker: WorkerNode, wanted: number): Promise<string> {
  await until(() => worker.lastState === 'held' && worker.hold?.upTo?.revision === wanted, {
    everyMs: 1,
    describe: () => `a hold up to ${wanted}; is ${worker.lastState}, ${JSON.stringify(worker.hold)}`,
  });
  return worker.hold?.id ?? '';
}

describe('a backlog brake at a start', () => {
  it('waits until the leader has journaled what the source holds, and then holds all of it', async () => {
    putAll(30);
    const worker = stage.work({ brakes });
    await until(() => worker.reason?.includes(`journaled revision ${revision()}`) ?? false, {
      describe: 'the wait said',
    });
    expect(worker.lastState).toBe('starting');
    await stage.chronicle.catchUp();
    await worker.becomes('held');
    expect(worker.hold).toMatchObject({ brake: 'backlog_changes', upTo: { revision: revision() } });
    expect(worker.states).not.toContain('streaming');
    expect([...stage.found.keys()].filter((key) => key.startsWith('/b/new/'))).toEqual([]);
  });

  it('waits for nothing when none is on: what is journaled is applied at once', async () => {
    putAll(30);
    await stage.chronicle.catchUp();
    const journaled = revision();
    putAll(30, '/a/newer/');
    const worker = stage.work();
    await worker.reaches(journaled);
    expect(worker.reason).toBeNull();
  });

  it('judges what a leader reads from history also while it streams: the leader was away', async () => {
    const worker = stage.work({ brakes });
    await worker.becomes('streaming');
    putAll(30);
    await stage.chronicle.catchUp(3, Date.now());
    await worker.becomes('held');
    expect(worker.hold).toMatchObject({ brake: 'backlog_changes', upTo: { revision: revision() } });
  });

  it('holds nothing that happens live, however much it is', async () => {
    const worker = stage.work({ brakes });
    await worker.becomes('streaming');
    putAll(30);
    await stage.chronicle.catchUp();
    await worker.reaches(revision());
    expect(worker.states).not.toContain('held');
  });

  it('takes changes whose age nobody knows for as old as they can be', async () => {
    putAll(3);
    await stage.chronicle.catchUp(3, Date.now() - 10 * MINUTE_MS);
    const patient = stage.work({ brakes: { ...unbraked, maxBacklogAge: 15 * MINUTE_MS } });
    await patient.reaches(revision());
    await patient.stop();
    putAll(3, '/a/newer/');
    await stage.chronicle.catchUp(3, Date.now() - 20 * MINUTE_MS);
    const worker = stage.work({ brakes: { ...unbraked, maxBacklogAge: 15 * MINUTE_MS } });
    await worker.becomes('held');
    expect(worker.hold?.brake).toBe('backlog_age');
  });
});

describe('an approval of waiting changes', () => {
  it('lets go exactly what was shown: what arrived since is judged for itself', async () => {
    putAll(30);
    await stage.chronicle.catchUp();
    const shown = revision();
    const first = stage.work({ brakes });
    const id = await showsUpTo(first, shown);
    await first.stop();
    putAll(30, '/a/newer/');
    await stage.chronicle.catchUp();
    const second = stage.work({ brakes });
    await second.becomes('held');
    await approve(id);
    await second.reaches(shown);
    await showsUpTo(second, revision());
    const keys = [...stage.found.keys()];
    expect(keys.filter((key) => key.startsWith('/b/new/'))).toHaveLength(30);
    expect(keys.filter((key) => key.startsWith('/b/newer/'))).toEqual([]);
  });

  it('lets go all that was shown also when the worker begins again before it is applied', async () => {
    putAll(30);
    await stage.chronicle.catchUp();
    const first = stage.work({ brakes });
    const id = await showsUpTo(first, revision());
    await first.stop();
    await approve(id);
    const second = stage.work({ brakes });
    await second.reaches(revision());
    expect(second.states).not.toContain('held');
    await until(async () => (await new Holds(stage.facts, 'codfw').current(never)) === null, { describe: 'no note' });
  });

  it('of another hold lets go nothing', async () => {
    putAll(30);
    await stage.chronicle.catchUp();
    const worker = stage.work({ brakes });
    const id = await showsUpTo(worker, revision());
    await approve(id.replace(/\d+$/, String(revision() + 1)));
    await approve(id.replace('/changes/', '/other/'));
    const looks = () => worker.looks(20);
    await until(looks, { describe: 'some looks at the orders' });
    expect(worker.lastState).toBe('held');
    expect([...stage.found.keys()].filter((key) => key.startsWith('/b/new/'))).toEqual([]);
  });
});

describe('a hold of deletes', () => {
  const deletes = { ...unbraked, maxDeletes: 20 };

  it('ends by itself when the source was corrected, and nothing was deleted', async () => {
    for (let index = 0; index < 40; index++) stage.chronicle.source.delete(`/a/${index}`);
    await stage.chronicle.catchUp();
    const worker = stage.work({ brakes: deletes });
    await worker.becomes('held');
    expect(worker.hold?.evidence).toContain('delete 20 keys');
    for (let index = 0; index < 40; index++) stage.chronicle.source.put(`/a/${index}`, `value ${index}`);
    await stage.chronicle.catchUp();
    await worker.reaches(revision());
    expect(stage.found).toEqual(stage.expected);
    expect(worker.lastState).toBe('streaming');
    expect(await new Holds(stage.facts, 'codfw').current(never)).toBeNull();
  });

  it('counts what has passed shortly before together with what waits', async () => {
    const worker = stage.work({ brakes: deletes });
    await worker.becomes('streaming');
    for (let index = 0; index < 15; index++) stage.chronicle.source.delete(`/a/${index}`);
    await stage.chronicle.catchUp();
    await worker.reaches(revision());
    for (let index = 15; index < 30; index++) stage.chronicle.source.delete(`/a/${index}`);
    await stage.chronicle.catchUp();
    await worker.becomes('held');
    await until(() => worker.looks(20), { describe: 'some looks' });
    expect(worker.lastState).toBe('held');
  });
});
