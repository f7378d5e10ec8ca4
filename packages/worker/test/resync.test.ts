import type { DestinationView } from '@tidemark/core';
import { type ApplyFault, MemoryDestination, never, shortWaits, until } from '@tidemark/testing';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Chronicle } from './support/chronicle.js';
import { expectExactlyOnce } from './support/exactly-once.js';
import { filter, owned, replica, WorkerNode } from './support/worker-node.js';

beforeAll(shortWaits);

const LIMITS = { maxWrites: 3, maxBytes: 1024 };

let chronicle: Chronicle;

beforeEach(async () => {
  chronicle = new Chronicle();
  for (let index = 0; index < 10; index++) chronicle.source.put(`/a/${index}`, `value ${index}`);
  chronicle.source.put('/elsewhere', 'not ours');
  await chronicle.reset();
});

/** Equal in 0 to 3, different in 4 and 5, without 6 to 9, with two too many, and somebody else's keys around. */
function differing(): MemoryDestination {
  const destination = new MemoryDestination({ limits: LIMITS, pageKeys: 4 });
  for (let index = 0; index < 6; index++) destination.write(`/b/${index}`, index < 4 ? `value ${index}` : 'stale');
  for (const key of ['/b', '/b/5/extra', '/b/z', '/c/0']) destination.write(key, 'there before');
  return destination;
}

async function bootstrapped(destination: MemoryDestination): Promise<void> {
  const worker = new WorkerNode(chronicle, destination);
  await worker.reaches(chronicle.source.revision);
  await worker.stop();
}

function writesOf(destination: MemoryDestination): string[] {
  return destination.log.flatMap(({ writes }) => writes.map(({ kind, key }) => `${kind} ${key.toString()}`));
}

describe('a resync', () => {
  it('fills an empty destination with what the routes take, and no more', async () => {
    const destination = new MemoryDestination({ limits: LIMITS });
    await bootstrapped(destination);
    expect(destination.content()).toEqual(replica(chronicle.source.content()));
    expectExactlyOnce(destination.log, chronicle.source);
    expect(await destination.checkpoint(never)).toEqual({
      journal: chronicle.stream.id,
      position: { generation: 1, revision: chronicle.source.revision },
      filter: filter.fingerprint,
      resync: null,
      partial: null,
      fence: { offJournal: expect.any(Number), fencedOff: 0 },
    });
  });

  it('writes exactly what differs, deletes last, and leaves the keys of others alone', async () => {
    const destination = differing();
    await bootstrapped(destination);
    expect(writesOf(destination)).toEqual([
      ...[4, 5, 6, 7, 8, 9].map((index) => `put /b/${index}`),
      'delete /b/5/extra',
      'delete /b/z',
    ]);
    expect(owned(destination.content())).toEqual(replica(chronicle.source.content()));
    expect(destination.content().get('/c/0')).toBe('there before');
    expect(destination.content().get('/b')).toBe('there before');
  });

  it('writes nothing but the checkpoint where nothing differs', async () => {
    const destination = new MemoryDestination();
    for (const [key, value] of replica(chronicle.source.content())) destination.write(key, value);
    await bootstrapped(destination);
    expect(writesOf(destination)).toEqual([]);
    expect(destination.log.length).toBe(2);
  });

  it('empties a destination whose source is empty, and only then', async () => {
    const empty = new Chronicle();
    await empty.reset();
    const destination = differing();
    const worker = new WorkerNode(empty, destination);
    await worker.reaches(1);
    await worker.stop();
    expect(owned(destination.content())).toEqual(new Map());
    expect(destination.content().size).toBe(2);
  });

  it('waits for the first reset of an empty journal', async () => {
    const late = new Chronicle();
    const destination = differing();
    const worker = new WorkerNode(late, destination);
    await until(() => worker.states.includes('bootstrapping'), { everyMs: 1, describe: 'waiting' });
    expect(destination.applies).toBe(0);
    late.source.put('/a/1', 'at last');
    await late.reset();
    await worker.reaches(2);
    await worker.stop();
    expect(owned(destination.content())).toEqual(new Map([['/b/1', 'at last']]));
  });

  it('does not use a snapshot whose reset is not written', async () => {
    const { source, journal } = chronicle;
    const orphan = { position: { generation: 2, revision: 99 }, rewind: null };
    async function* nothing(): AsyncGenerator<never> {
      // Were it used, it would delete everything.
    }
    await journal.snapshots.put(orphan, nothing(), never);
    const destination = differing();
    await bootstrapped(destination);
    expect(owned(destination.content())).toEqual(replica(source.content()));
  });

  it('refuses a destination whose checkpoint was written by somebody else', async () => {
    const destination = differing();
    destination.garbleCheckpoint();
    const worker = new WorkerNode(chronicle, destination);
    await until(() => worker.states.filter((state) => state === 'backing_off').length > 2, { describe: 'back-off' });
    await worker.stop();
    expect(destination.log).toEqual([]);
  });

  it.each<ApplyFault>(['refuse', 'ambiguous'])(
    'that crashes at any apply (%s) is finished by another worker, without writing anything twice',
    async (fault) => {
      let crashes = 0;
      for (let crashAt = 1; crashes === crashAt - 1; crashAt++) {
        const destination = differing();
        const before = destination.content();
        destination.crashAt(crashAt, fault);
        const first = new WorkerNode(chronicle, destination);
        const over = () => destination.applies >= crashAt || first.position.generation > 0;
        await until(over, { everyMs: 1, describe: 'the crash, or the end' });
        await first.stop();
        if (destination.applies >= crashAt) crashes++;
        destination.recover();
        await bootstrapped(destination);
        expect(owned(destination.content())).toEqual(replica(chronicle.source.content()));
        expectExactlyOnce(destination.log, chronicle.source, before);
        expect(Math.max(...[...destination.content().keys()].map((key) => destination.writesOf(key)))).toBe(1);
      }
      // The mark, two transactions of puts, one of deletes, the end.
      expect(crashes).toBe(5);
    },
  );

  it('that was begun again by another worker leaves the first one no way to write', async () => {
    const destination = differing();
    destination.refuseFrom(2);
    const first = new WorkerNode(chronicle, destination);
    await until(() => destination.applies > 1, { everyMs: 1, describe: 'the mark' });
    await first.stop();
    const mark = destination.log[0]?.next;
    if (mark === undefined) throw new Error('expected a mark');
    const { applies } = destination;
    destination.refuseFrom(applies + 2);
    const second = new WorkerNode(chronicle, destination);
    await until(() => destination.applies > applies + 1, { everyMs: 1, describe: 'the second mark' });
    await second.stop();
    // By this, too, a Redis that was restarted in between shows that the resync was begun again.
    const attempts = destination.log.map(({ next }) => next.resync?.attempt);
    expect(attempts).toEqual([1, 2]);
    destination.recover();
    const late = { writes: [{ kind: 'delete', key: Buffer.from('/b/1') }], expected: mark, next: mark } as const;
    expect(await destination.apply(late, never)).toMatchObject({ outcome: 'superseded' });
  });

  it('by two workers at once ends as by one', async () => {
    const destination = differing();
    const workers = [new WorkerNode(chronicle, destination), new WorkerNode(chronicle, destination)];
    for (const worker of workers) await worker.reaches(chronicle.source.revision);
    for (const worker of workers) await worker.stop();
    expect(owned(destination.content())).toEqual(replica(chronicle.source.content()));
    expect(destination.content().get('/c/0')).toBe('there before');
  });
});

describe('the guard of a resync', () => {
  /** Each look at it is of another run of the server. */
  class RestartingDestination extends MemoryDestination {
    readonly runs: string[] = [];

    override async view(signal: AbortSignal): Promise<DestinationView> {
      const run = `run ${this.runs.length + 1}`;
      this.runs.push(run);
      return { ...(await super.view(signal)), run };
    }
  }

  it('names the run of the server that its plan saw, whatever is looked at meanwhile', async () => {
    const destination = new RestartingDestination({ limits: LIMITS });
    destination.write('/b/0', 'there before');
    await bootstrapped(destination);
    const guards = destination.log.filter(({ expected, next }) => expected?.resync == null && next.resync !== null);
    expect(guards.map(({ viewedRun }) => viewedRun)).toEqual(['run 1']);
    expect(destination.runs.length).toBeGreaterThan(1);
  });
});
