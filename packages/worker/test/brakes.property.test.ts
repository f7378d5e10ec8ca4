import {
  type ApplyFault,
  type CommittedTransaction,
  MemoryDestination,
  MemoryFacts,
  never,
  shortWaits,
  until,
} from '@tidemark/testing';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { Holds } from '../src/index.js';
import { Chronicle } from './support/chronicle.js';
import { owned, replica, unbraked, WorkerNode } from './support/worker-node.js';

beforeAll(shortWaits);
const MAX_DELETES = 4;
/** Revisions that are journaled at a time. */
const PIECE = 6;
const brakes = { ...unbraked, maxDeletes: MAX_DELETES };

const write = fc.record({
  key: fc.integer({ min: 0, max: 39 }).map((index) => `/a/${index}`),
  value: fc.option(fc.constantFrom('x', 'y'), { freq: 1 }),
});
const history = fc.record({
  revisions: fc.array(fc.uniqueArray(write, { selector: ({ key }) => key, minLength: 1, maxLength: 3 }), {
    minLength: 20,
    maxLength: 60,
  }),
  perRecord: fc.integer({ min: 1, max: 8 }),
  crashes: fc.array(fc.integer({ min: 1, max: 6 }), { maxLength: 10 }),
  fault: fc.constantFrom<ApplyFault>('refuse', 'ambiguous'),
});

/** The most keys that were deleted and not put again at any time, counted from zero after each approved revision. */
function mostDeleted(log: readonly CommittedTransaction[], approved: readonly number[]): number {
  const deleted = new Set<string>();
  let [most, allowed] = [0, 0];
  for (const { writes, next } of log) {
    const { revision } = next.position;
    const latest = Math.max(0, ...approved.filter((upTo) => upTo <= revision));
    if (latest > allowed) deleted.clear();
    allowed = latest;
    // A transaction that stays within what was approved counts for nothing.
    if (approved.some((upTo) => revision <= upTo)) continue;
    for (const { kind, key } of writes) {
      if (kind === 'delete') deleted.add(key.toString());
      else deleted.delete(key.toString());
    }
    most = Math.max(most, deleted.size);
  }
  return most;
}

interface Tally {
  holds: number;
  crashes: number;
}

/** Works through a history, crash by crash and approval by approval; the revisions that were approved. */
async function goThrough(stage: Stage, crashes: readonly number[], tally: Tally): Promise<number[]> {
  const { chronicle, destination, facts, fault } = stage;
  const end = chronicle.source.revision;
  const approved: number[] = [];
  const left = [...crashes];
  for (;;) {
    const crashAt = left.length > 0 ? destination.applies + (left.shift() ?? 0) : Number.POSITIVE_INFINITY;
    destination.crashAt(crashAt, fault);
    const worker = new WorkerNode(chronicle, destination, { facts, brakes });
    const arrived = async () => {
      const checkpoint = await destination.checkpoint(never);
      return checkpoint?.partial === null && checkpoint.position.revision >= end;
    };
    const over = async () => destination.applies >= crashAt || worker.lastState === 'held' || (await arrived());
    await until(over, {
      everyMs: 0.2,
      describe: () => `a crash, a hold, or the end; ${worker.states.slice(-5).join()}`,
    });
    const hold = worker.lastState === 'held' ? worker.hold : null;
    await worker.stop();
    if (destination.applies >= crashAt) {
      tally.crashes++;
    } else if (hold !== null) {
      tally.holds++;
      approved.push(hold.upTo?.revision ?? 0);
      await new Holds(facts, 'codfw').approve({ id: hold.id, by: 'sre@host', at: 'now' }, never);
    } else if (await arrived()) {
      return approved;
    }
  }
}

interface Stage {
  readonly chronicle: Chronicle;
  readonly destination: MemoryDestination;
  readonly facts: MemoryFacts;
  readonly fault: ApplyFault;
}

// On failure fast-check prints the seed.
describe('whatever the history, the crashes and the approvals', () => {
  it('no more keys go than the brake allows or somebody approved, and all is equal when all is approved', async () => {
    const tally = { holds: 0, crashes: 0 };
    await fc.assert(
      fc.asyncProperty(history, async ({ revisions, perRecord, crashes, fault }) => {
        const chronicle = new Chronicle();
        const destination = new MemoryDestination({ limits: { maxWrites: 3, maxBytes: 1024 } });
        const facts = new MemoryFacts();
        for (let index = 0; index < 40; index++) chronicle.source.put(`/a/${index}`, 'at first');
        await chronicle.reset();
        const first = new WorkerNode(chronicle, destination, { facts, brakes });
        await first.reaches(chronicle.source.revision);
        await first.stop();
        const begun = destination.log.length;
        const approved: number[] = [];
        // What is approved is what was journaled by then: in pieces, so that there is something newer each time.
        for (let from = 0; from < revisions.length; from += PIECE) {
          for (const writes of revisions.slice(from, from + PIECE)) chronicle.source.txn(writes);
          chronicle.source.put('/a/end', `of the first ${from + PIECE}`);
          await chronicle.catchUp(perRecord);
          const crashAfter = crashes.slice(from / (PIECE / 2), from / (PIECE / 2) + 2);
          approved.push(...(await goThrough({ chronicle, destination, facts, fault }, crashAfter, tally)));
        }
        expect(owned(destination.content())).toEqual(replica(chronicle.source.content()));
        expect(mostDeleted(destination.log.slice(begun), approved)).toBeLessThanOrEqual(MAX_DELETES);
      }),
      { numRuns: 30, endOnFailure: true },
    );
    expect(tally.holds).toBeGreaterThan(10);
    expect(tally.crashes).toBeGreaterThan(10);
  });
});
