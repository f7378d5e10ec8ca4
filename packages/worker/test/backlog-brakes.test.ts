import type { Journal } from '@tidemark/core';
import { shortWaits, until } from '@tidemark/testing';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Chronicle } from './support/chronicle.js';
import { KEYS, Stage } from './support/stage.js';
import { unbraked } from './support/worker-node.js';

beforeAll(shortWaits);

const DAY_MS = 86_400_000;

let stage: Stage;

beforeEach(async () => {
  stage = await Stage.open();
});

afterEach(() => stage[Symbol.asyncDispose]());

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
    // In two steps: what comes while the approved changes end is judged with what waits, and 30 would be too many.
    for (const part of ['newer', 'newest']) {
      for (let index = 0; index < 15; index++) stage.chronicle.source.put(`/a/${part}/${index}`, 'x');
      await stage.chronicle.catchUp();
      await second.reaches(stage.chronicle.source.revision);
    }
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

describe('a backlog, and what the journal holds of it', () => {
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
