import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DEFAULT_READ_AHEAD, ReadAheadPlan, type Stretch } from '../src/watch/segments.js';

const seed = Date.now();
const limits = { revisions: 10, watchers: 4, bytes: 10_000 };

function plan(head: number, bytesPerRevision: number): ReadAheadPlan {
  const made = new ReadAheadPlan(limits);
  made.learn({ head, revisions: 1, bytes: bytesPerRevision });
  return made;
}

const idle = { plannedUntil: 0, reading: [], completeBytes: 0 };

describe('the plan of what is read ahead', () => {
  it('leaves a watcher alone that reaches the head with its next batch, and ends any other after that', () => {
    expect(new ReadAheadPlan(DEFAULT_READ_AHEAD).endOf(7)).toBe(Number.POSITIVE_INFINITY);
    expect(plan(17, 1).endOf(7)).toBe(Number.POSITIVE_INFINITY);
    expect(plan(18, 1).endOf(7)).toBe(17);
  });

  it('goes on where the last stretch ends', () => {
    expect(plan(40, 1).next({ ...idle, plannedUntil: 19 })).toEqual({ from: 19, until: 28 });
  });

  it('reads nothing ahead of a watcher without an end', () => {
    expect(plan(1_000, 1).next({ ...idle, plannedUntil: Number.POSITIVE_INFINITY })).toBeNull();
  });

  it('never plans what the member does not have yet', () => {
    expect(plan(40, 1).next({ ...idle, plannedUntil: 32 })).toBeNull();
    expect(plan(41, 1).next({ ...idle, plannedUntil: 32 })).toEqual({ from: 32, until: 41 });
  });

  it('reads little ahead before it knows how large revisions are', () => {
    const ignorant = new ReadAheadPlan(limits);
    ignorant.learn({ head: 1_000, revisions: 0, bytes: 50 });
    const stretch = { revisions: 10, bytes: 0 };
    expect(ignorant.next({ ...idle, plannedUntil: 100, reading: [stretch] })).not.toBeNull();
    expect(ignorant.next({ ...idle, plannedUntil: 100, reading: [stretch, stretch] })).toBeNull();
  });

  it('takes growing revisions at once for the rule, and smaller ones slowly', () => {
    const learned = plan(1_000, 1);
    learned.learn({ head: 0, revisions: 1, bytes: 2_000 });
    expect(learned.next({ ...idle, plannedUntil: 100 })).toBeNull();
    learned.learn({ head: 0, revisions: 10, bytes: 10 });
    expect(learned.next({ ...idle, plannedUntil: 100 })).toBeNull();
    for (let round = 0; round < 40; round++) learned.learn({ head: 0, revisions: 10, bytes: 10 });
    expect(learned.next({ ...idle, plannedUntil: 100 })).not.toBeNull();
  });

  it(`makes a chain up to the head, within its limits of watchers and bytes (seed ${seed})`, () => {
    const head = fc.integer({ min: 0, max: 2_000 });
    const size = fc.integer({ min: 1, max: 600 });
    const sizes = { revisions: fc.integer({ min: 2, max: 50 }), watchers: fc.integer({ min: 1, max: 10 }) };
    const property = fc.property(head, size, fc.record(sizes), (newest, bytes, chosen) => {
      const all = { ...limits, ...chosen };
      const made = new ReadAheadPlan(all);
      made.learn({ head: newest, revisions: 1, bytes });
      const stretches: Stretch[] = [];
      const next = () =>
        made.next({
          plannedUntil: stretches.at(-1)?.until ?? 1,
          reading: stretches.map(() => ({ revisions: all.revisions, bytes: 0 })),
          completeBytes: 0,
        });
      for (let stretch = next(); stretch !== null; stretch = next()) stretches.push(stretch);
      for (const [index, { from, until }] of stretches.entries()) {
        expect(from).toBe(stretches[index - 1]?.until ?? 1);
        expect(until).toBeGreaterThan(from);
        expect(until).toBeLessThanOrEqual(newest);
      }
      expect(stretches.length).toBeLessThanOrEqual(all.watchers);
      expect(stretches.length * all.revisions * bytes).toBeLessThanOrEqual(all.bytes);
      const full = stretches.length === all.watchers || (stretches.length + 1) * all.revisions * bytes > all.bytes;
      const remaining = newest - (stretches.at(-1)?.until ?? 1);
      expect(full || remaining < all.revisions - 1).toBe(true);
    });
    fc.assert(property, { seed });
  });
});
