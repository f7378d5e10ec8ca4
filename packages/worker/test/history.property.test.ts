import { type ApplyFault, MemoryDestination, type SourceWrite, shortWaits, until } from '@tidemark/testing';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { Chronicle } from './support/chronicle.js';
import { expectExactlyOnce } from './support/exactly-once.js';
import { owned, replica, WorkerNode } from './support/worker-node.js';

beforeAll(shortWaits);

const key = fc.constantFrom('/a/1', '/a/2', '/a/3', '/a/\xff', '/a/__proto__', '/a', '/elsewhere', '/b/1');
const write: fc.Arbitrary<SourceWrite> = fc.record({
  key,
  value: fc.oneof(fc.string({ maxLength: 20 }), fc.constant(null)),
});
const transaction = fc.uniqueArray(write, { selector: (each) => each.key, minLength: 1, maxLength: 6 });
const history = fc.record({
  first: fc.array(transaction, { maxLength: 6 }),
  rest: fc.array(transaction, { minLength: 1, maxLength: 20 }),
  /** What the destination holds before. */
  before: fc.dictionary(fc.constantFrom('/b/1', '/b/2', '/b/9', '/c'), fc.string({ maxLength: 3 })),
  perRecord: fc.integer({ min: 1, max: 5 }),
  // Small enough for revisions that go in parts.
  maxWrites: fc.integer({ min: 1, max: 8 }),
  maxBytes: fc.integer({ min: 60, max: 400 }),
});
type History = typeof history extends fc.Arbitrary<infer T> ? T : never;

interface Stage {
  readonly chronicle: Chronicle;
  readonly destination: MemoryDestination;
}

/** A journal that begins, and a destination as it was before. */
async function stage(given: History): Promise<Stage> {
  const chronicle = new Chronicle();
  for (const writes of given.first) chronicle.source.txn(writes);
  await chronicle.reset();
  const { maxWrites, maxBytes } = given;
  const destination = new MemoryDestination({ limits: { maxWrites, maxBytes }, pageKeys: 2 });
  for (const [name, value] of Object.entries(given.before)) destination.write(name, value);
  return { chronicle, destination };
}

/** The rest of the history; its last revision is for the destination, so that the checkpoint has to arrive there. */
async function goOn(chronicle: Chronicle, given: History): Promise<void> {
  for (const writes of given.rest) chronicle.source.txn(writes);
  chronicle.source.put('/a/end', 'of history');
  await chronicle.catchUp(given.perRecord);
}

async function catchUp(chronicle: Chronicle, destination: MemoryDestination): Promise<void> {
  const worker = new WorkerNode(chronicle, destination);
  await worker.reaches(chronicle.source.revision);
  await worker.stop();
}

function expectReplica({ source }: Chronicle, destination: MemoryDestination, { before }: History): void {
  expect(owned(destination.content())).toEqual(replica(source.content()));
  expect(destination.content().get('/c')).toBe(before['/c']);
  expectExactlyOnce(destination.log, source, new Map(Object.entries(before)));
}

// On failure fast-check prints the seed.
describe('whatever the history', () => {
  it.each<ApplyFault>(['refuse', 'ambiguous'])(
    'a crash at any apply (%s) ends equal, with every effect once',
    async (fault) => {
      let crashes = 0;
      await fc.assert(
        fc.asyncProperty(history, async (given) => {
          for (let crashAt = 1, crashed = true; crashed; crashAt++) {
            const { chronicle, destination } = await stage(given);
            await goOn(chronicle, given);
            destination.crashAt(crashAt, fault);
            const first = new WorkerNode(chronicle, destination);
            const over = () => destination.applies >= crashAt || first.position.revision === chronicle.source.revision;
            await until(over, { everyMs: 0.1, describe: 'the crash, or the end' });
            await first.stop();
            crashed = destination.applies >= crashAt;
            if (crashed) crashes++;
            destination.recover();
            await catchUp(chronicle, destination);
            expectReplica(chronicle, destination, given);
          }
        }),
        { numRuns: 15 },
      );
      expect(crashes).toBeGreaterThan(50);
    },
  );

  it('two workers and answers lost at random end equal, with every effect of the journal once', async () => {
    let faults = 0;
    await fc.assert(
      fc.asyncProperty(history, fc.infiniteStream(fc.nat({ max: 9 })), async (given, dice) => {
        const { chronicle, destination } = await stage(given);
        // One worker writes the difference: with two, or with lost answers, its puts may come twice, which is harmless.
        await catchUp(chronicle, destination);
        await goOn(chronicle, given);
        const kinds: Record<number, ApplyFault> = { 0: 'refuse', 1: 'ambiguous', 2: 'lose answer' };
        destination.draw(() => kinds[dice.next().value ?? 9] ?? null);
        const workers = [new WorkerNode(chronicle, destination), new WorkerNode(chronicle, destination)];
        for (const worker of workers) await worker.reaches(chronicle.source.revision);
        for (const worker of workers) await worker.stop();
        faults += destination.faults;
        expectReplica(chronicle, destination, given);
      }),
      { numRuns: 40 },
    );
    expect(faults).toBeGreaterThan(50);
  });
});
