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

describe('a repair', () => {
  it('writes the keys that differ at the present position, and no other', async () => {
    const worker = stage.work();
    await worker.reaches(stage.chronicle.source.revision);
    stage.destination.write('/b/1', 'foreign');
    stage.destination.write('/b/extra', 'foreign');
    stage.destination.write('/c', 'not ours');
    expect(await worker.repair(['/b/1', '/b/2', '/b/extra', '/c'])).toEqual({ puts: 1, deletes: 1, refused: [] });
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
    expect(await worker.repair(['/b/leased'])).toEqual({ puts: 0, deletes: 1, refused: [] });
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

describe('a repair while something else happens', () => {
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
