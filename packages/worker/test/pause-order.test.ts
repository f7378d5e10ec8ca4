import { silentLogger } from '@tidemark/core';
import { MemoryDestination, never, shortWaits, until } from '@tidemark/testing';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ControlBoard, Orders } from '../src/index.js';
import { Stage } from './support/stage.js';

beforeAll(shortWaits);

let stage: Stage;

beforeEach(async () => {
  stage = await Stage.open();
});

afterEach(() => stage[Symbol.asyncDispose]());

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

describe('a pause of a worker that streams', () => {
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
