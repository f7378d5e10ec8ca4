import { type Journal, JournalHints, silentLogger } from '@tidemark/core';
import { MemoryDestination, never, shortWaits, until } from '@tidemark/testing';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ControlBoard, Holds, Orders } from '../src/index.js';
import { Chronicle } from './support/chronicle.js';
import { KEYS, Stage } from './support/stage.js';
import { filter, unbraked } from './support/worker-node.js';

beforeAll(shortWaits);
const DAY_MS = 86_400_000;

let stage: Stage;

beforeEach(async () => {
  stage = await Stage.open();
});

afterEach(() => stage[Symbol.asyncDispose]());

describe('a repair', () => {
  it('that is ordered when the worker has ended is refused: nobody would ever carry it out', async () => {
    const worker = stage.work();
    await worker.becomes('streaming');
    await worker.stop();
    await expect(worker.repair(['/b/1'])).rejects.toMatchObject({ code: 'NOT_STREAMING' });
  });

  it('that meets a hold is refused, and does not wait for somebody to approve', async () => {
    const worker = stage.work({ brakes: { ...unbraked, maxDeletes: 20 } });
    await worker.reaches(stage.chronicle.source.revision);
    const upTo = { generation: 1, revision: stage.chronicle.source.revision + 5 };
    const id = `${stage.chronicle.stream.id}/changes/1/${upTo.revision}`;
    await new Holds(stage.facts, 'codfw').note({ id, brake: 'deletes', evidence: 'many', upTo, deletes: null }, never);
    await expect(worker.repair(['/b/1'])).rejects.toMatchObject({ code: 'NOT_STREAMING' });
    expect(worker.lastState).toBe('held');
  });

  it('that meets a pause is refused, and does not wait for somebody to resume', async () => {
    const worker = stage.work();
    await worker.reaches(stage.chronicle.source.revision);
    await worker.becomes('streaming');
    const question = stage.destination.stallCheckpoint();
    let outcome: unknown = null;
    worker.repair(['/b/1']).catch((error: unknown) => {
      outcome = error;
    });
    await until(() => question.calls > 0, { describe: 'the attempt that would carry it out' });
    await new Orders(stage.facts, 'codfw').pause('sre@host', never);
    await until(() => worker.looks(2), { describe: 'the order to be seen' });
    question.release();
    await worker.becomes('paused');
    await until(() => outcome !== null, { describe: 'an answer' });
    expect(outcome).toMatchObject({ code: 'NOT_STREAMING' });
  });

  it('does not take back what the first parts of a large revision have written', async () => {
    stage.destination = new MemoryDestination({ limits: { maxWrites: 50, maxBytes: 1024 * 1024 } });
    const worker = stage.work();
    await worker.reaches(stage.chronicle.source.revision);
    const second = stage.destination.applies + 2;
    let repaired: Promise<unknown> = Promise.resolve();
    stage.destination.before(second, () => {
      repaired = worker.repair(['/b/0']).catch((error: unknown) => error);
    });
    stage.chronicle.source.txn(
      Array.from({ length: KEYS }, (_, index) => ({ key: `/a/${index}`, value: 'all at once' })),
    );
    await stage.chronicle.catchUp();
    await worker.reaches(stage.chronicle.source.revision);
    expect(await repaired).toMatchObject({ code: 'NOT_STREAMING' });
    expect(stage.found).toEqual(stage.expected);
  });
});

describe('a pause', () => {
  it('that is lifted while the destination is asked where it stands is no defect', async () => {
    const worker = stage.work();
    await worker.becomes('streaming');
    const question = stage.destination.stallCheckpoint();
    const orders = new Orders(stage.facts, 'codfw');
    await orders.pause('sre@host', never);
    await until(() => question.calls > 0, { describe: 'the question' });
    await orders.resume(never);
    await until(() => worker.looks(2), { describe: 'the order to be seen' });
    question.release();
    stage.chronicle.source.put('/a/afterwards', 'x');
    await stage.chronicle.catchUp();
    await worker.reaches(stage.chronicle.source.revision);
    expect(worker.lastState).toBe('streaming');
  });

  it('shows since when changes wait', async () => {
    const worker = stage.work();
    await worker.reaches(stage.chronicle.source.revision);
    await new Orders(stage.facts, 'codfw').pause('sre@host', never);
    await worker.becomes('paused');
    const before = Date.now();
    stage.chronicle.source.put('/a/1', 'waits');
    await stage.chronicle.catchUp();
    await until(() => worker.waitingSince !== null, { describe: 'the first change that waits' });
    expect(worker.waitingSince).toBeGreaterThanOrEqual(before);
  });
});

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

describe('changed routes', () => {
  const route = (prefix: string) =>
    filter.with([{ prefix: `/a/${prefix}`, rewrite: `/${prefix}/`, exclude: [], leased: 'keep' }]);

  async function bootstrapHalf(to: ReturnType<typeof route>): Promise<void> {
    const start = stage.destination.applies;
    stage.destination.refuseFrom(start + 4);
    const worker = stage.work({ filter: to });
    await worker.becomes('held');
    await stage.approve(worker);
    await worker.becomes('backing_off');
    await worker.stop();
    stage.destination.recover();
  }

  async function bootstrapWhole(to: ReturnType<typeof route>): Promise<void> {
    const worker = stage.work({ filter: to });
    await until(() => ['held', 'streaming'].includes(worker.lastState ?? ''), { describe: 'held or streaming' });
    if (worker.lastState === 'held') await stage.approve(worker);
    await worker.becomes('streaming');
    await worker.stop();
  }

  beforeEach(async () => {
    stage.destination = new MemoryDestination({ limits: { maxWrites: 10, maxBytes: 1024 * 1024 } });
    await bootstrapWhole(filter);
    await bootstrapHalf(route('1'));
    expect([...stage.destination.content().keys()].some((key) => key.startsWith('/1/'))).toBe(true);
  });

  it('leave no key of routes that were given up half-way', async () => {
    await bootstrapWhole(route('2'));
    expect([...stage.destination.content().keys()].filter((key) => !key.startsWith('/2/'))).toEqual([]);
  });

  it('that were approved are held once more when they would be brought from another snapshot', async () => {
    await stage.put('/a/newer', 'x');
    await stage.chronicle.snapshot();
    const worker = stage.work({ filter: route('1') });
    await until(() => ['held', 'streaming'].includes(worker.lastState ?? ''), { describe: 'held or streaming' });
    expect(worker.hold).toMatchObject({ brake: 'filter' });
  });

  it('leave alone what somebody else keeps by now where routes of long ago wrote', async () => {
    await bootstrapWhole(route('1'));
    stage.destination.write('/b/of somebody else', 'x');
    await bootstrapWhole(route('2'));
    expect(stage.destination.content().get('/b/of somebody else')).toBe('x');
  });

  it('leave no key when they are changed back half-way', async () => {
    await bootstrapWhole(filter);
    expect(stage.destination.content()).toEqual(stage.expected);
  });
});

describe('a backlog', () => {
  async function stream(): Promise<void> {
    const worker = stage.work();
    await worker.reaches(stage.chronicle.source.revision);
    await worker.stop();
  }

  it('does not count what waits for the delay', async () => {
    await stream();
    for (let index = 0; index < 30; index++) stage.chronicle.source.put(`/a/new/${index}`, 'x');
    await stage.chronicle.catchUp();
    const worker = stage.work({ delayMs: DAY_MS, brakes: { ...unbraked, maxBacklogChanges: 20 } });
    await until(() => ['held', 'streaming'].includes(worker.lastState ?? ''), { describe: 'held or streaming' });
    expect(worker.lastState).toBe('streaming');
  });

  it('that is approved is applied, although the journal begins after it by then', async () => {
    await stream();
    await stage.put('/a/before', 'applied');
    await stream();
    const { journal, source } = stage.chronicle;
    const applied = source.revision;
    for (let index = 0; index < 30; index++) source.put(`/a/new/${index}`, 'x');
    await stage.chronicle.catchUp();
    const worker = stage.work({ brakes: { ...unbraked, maxBacklogChanges: 20 } });
    await worker.becomes('held');
    // Retention goes on while people think.
    journal.loseUpTo(applied, { oldest: applied + 1 });
    await stage.approve(worker);
    await worker.reaches(source.revision);
    expect(worker.states).not.toContain('bootstrapping');
  });

  it('is not approved for a journal that takes the place of this one meanwhile', async () => {
    await stream();
    for (let index = 0; index < 30; index++) stage.chronicle.source.put(`/a/new/${index}`, 'x');
    await stage.chronicle.catchUp();
    const other = new Chronicle();
    // It holds the same revision numbers.
    for (let index = 0; index < KEYS; index++) other.source.put(`/a/${index}`, 'of the other');
    await other.reset();
    for (let index = 0; index < 60; index++) other.source.put(`/a/new/${index}`, 'of the other');
    await other.catchUp();
    let { journal } = stage.chronicle;
    const present: Journal = {
      open: (signal) => journal.open(signal),
      info: (signal) => journal.info(signal),
      head: (signal) => journal.head(signal),
      read: (from, signal) => journal.read(from, signal),
      takeOver: (...leader) => journal.takeOver(...leader),
      close: () => journal.close(),
      snapshots: {
        put: (...snapshot) => journal.snapshots.put(...snapshot),
        open: (...part) => journal.snapshots.open(...part),
        list: (signal) => journal.snapshots.list(signal),
        remove: (id, signal) => journal.snapshots.remove(id, signal),
      },
    };
    const worker = stage.work({ journal: present, brakes: { ...unbraked, maxBacklogChanges: 20 } });
    await worker.becomes('held');
    const { length: written } = stage.destination.log;
    const shown = worker.hold?.id;
    journal = other.journal;
    await stage.approve(worker);
    // What the other one would change is another hold.
    await until(() => worker.hold?.id !== shown && worker.lastState === 'held', { describe: 'another hold' });
    expect(stage.destination.log.slice(written)).toEqual([]);
  });

  it('that fell out of the journal is held by its age as well', async () => {
    await stream();
    stage.chronicle.source.put('/a/missed', 'x');
    await stage.chronicle.catchUp();
    await stage.chronicle.snapshot();
    // From here on the journal begins after the destination's position.
    const { journal, source } = stage.chronicle;
    journal.loseUpTo(source.revision, { time: Date.now() - DAY_MS });
    const worker = stage.work({ brakes: { ...unbraked, maxBacklogAge: 60_000 } });
    await until(() => worker.hold !== null || stage.found.has('/b/missed'), { describe: 'held, or applied' });
    expect(worker.hold).toMatchObject({ brake: 'backlog_age' });
    expect(stage.found.has('/b/missed')).toBe(false);
    await stage.approve(worker);
    await until(() => stage.found.has('/b/missed'), { describe: 'the resync' });
  });
});

describe('orders', () => {
  it('that were given before a destination is taken over are known before anything is written', async () => {
    await new Orders(stage.facts, 'codfw').pause('sre@host', never);
    // The last look of this node was before.
    const board = new ControlBoard(stage.facts, silentLogger, 60_000_000);
    const stop = new AbortController();
    stage.facts.nextListIsEmpty();
    const running = board.run(stop.signal);
    const controls = board.of('codfw');
    await controls.changed(AbortSignal.timeout(1));
    await controls.ready(never);
    expect(controls.pause).toMatchObject({ by: 'sre@host' });
    stop.abort();
    await running;
  });
});

describe('a destination that is held from the start', () => {
  it('shows since when changes wait', async () => {
    const first = stage.work();
    await first.reaches(stage.chronicle.source.revision);
    await first.stop();
    const before = Date.now();
    for (let index = 0; index < 30; index++) stage.chronicle.source.put(`/a/new/${index}`, 'x');
    await stage.chronicle.catchUp();
    const second = stage.work({ brakes: { ...unbraked, maxBacklogChanges: 20 } });
    await second.becomes('held');
    expect(second.waitingSince).toBeGreaterThanOrEqual(before);
  });
});

describe('a stranger who writes all the time', () => {
  it('does not keep a destination from following', async () => {
    const worker = stage.work({ repairAutomatically: true });
    await worker.reaches(stage.chronicle.source.revision);
    const stop = new AbortController();
    const writing = (async () => {
      for (let index = 0; !stop.signal.aborted; index++) {
        stage.destination.write(`/b/${index % KEYS}`, 'foreign');
        await new Promise(setImmediate);
      }
    })();
    for (let index = 0; index < 100; index++) {
      stage.chronicle.source.put(`/a/new/${index}`, 'x');
      await stage.chronicle.catchUp();
    }
    try {
      await worker.reaches(stage.chronicle.source.revision);
      // The watch rests while a destination is brought up: what was written before it began is found by comparisons only.
      await until(() => worker.foreignKeys.length >= 2 * KEYS, { describe: 'a whole round of the stranger' });
    } finally {
      stop.abort();
    }
    await writing;
    await until(() => [...stage.found.values()].every((value) => value !== 'foreign'), { describe: 'the repair' });
    expect(stage.found).toEqual(stage.expected);
  });
});
