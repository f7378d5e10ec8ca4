import { SharedBudget, type Write } from '@tidemark/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DeleteBrake } from '../src/brakes/delete-brake.js';
import { DeleteWindow } from '../src/brakes/delete-window.js';
import { deletesExceed } from '../src/brakes/limits.js';
import { NamedKeys } from '../src/brakes/named-keys.js';

const WINDOW_MS = 60_000;

function write(kind: 'put' | 'delete', key: string): Write {
  return kind === 'put' ? { kind, key: Buffer.from(key), value: Buffer.from('v') } : { kind, key: Buffer.from(key) };
}

describe('the deletes within a time', () => {
  it('are the distinct keys whose last write was a delete, not longer ago than the window', () => {
    const step = fc.record({
      kind: fc.constantFrom('put' as const, 'delete' as const),
      key: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'),
      after: fc.integer({ min: 0, max: WINDOW_MS / 2 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const window = new DeleteWindow(WINDOW_MS);
        const last = new Map<string, { kind: string; time: number }>();
        let time = 1_000_000;
        for (const { kind, key, after } of steps) {
          time += after;
          window.add([write(kind, key)], time);
          last.set(key, { kind, time });
          const expected = [...last.values()].filter((seen) => seen.kind === 'delete' && seen.time >= time - WINDOW_MS);
          expect(window.size).toBe(expected.length);
        }
      }),
    );
  });
});

describe('the limits of deletes', () => {
  const all = (deletes: number) => ({ deletes, all: true });
  const limits = { maxDeletes: 1000, maxDeletePercent: 20, window: WINDOW_MS };

  it('are a number, and a share from 100 keys on', () => {
    expect(deletesExceed(all(1000), 1_000_000, limits)).toBeNull();
    expect(deletesExceed(all(1001), 1_000_000, limits)?.brake).toBe('deletes');
    expect(deletesExceed(all(20), 100, limits)).toBeNull();
    expect(deletesExceed(all(21), 100, limits)?.brake).toBe('delete_percent');
    expect(deletesExceed(all(99), 99, limits)).toBeNull();
    expect(
      deletesExceed(all(1_000_000), 1_000_000, { ...limits, maxDeletes: null, maxDeletePercent: null }),
    ).toBeNull();
  });
});

describe('names that many destinations remember', () => {
  const KIB = 1024;
  const deletes = (count: number) => Array.from({ length: count }, (_, index) => write('delete', `key ${index}`));

  it('have one bound of bytes together, and each its share', () => {
    const budget = new SharedBudget(2_048 * KIB);
    const fill = () => {
      const window = new DeleteWindow(WINDOW_MS, new NamedKeys(budget));
      window.add(deletes(50_000), 5);
      return window;
    };
    const alone = fill();
    expect(alone.count).toMatchObject({ all: false });
    const [first, second, third] = [fill(), fill(), fill()];
    // A quarter of it, at some hundred bytes each.
    expect(third.size).toBeGreaterThan(4_000);
    expect(third.size).toBeLessThan(alone.size / 3);
    for (const window of [first, second, third]) window.clear();
    alone.clear();
    expect(fill().size).toBeGreaterThan(3 * third.size + 10_000);
  });

  it('count bytes, not only names: long ones are fewer', () => {
    const budget = new SharedBudget(1_024 * KIB);
    const names = new NamedKeys(budget);
    for (let index = 0; index < 100; index++) names.set(`${index}`.padEnd(100 * KIB, 'x'), 0);
    expect(names.size).toBe(10);
  });

  it('hold when there are more of them than are remembered, also where nothing else would', async () => {
    const limits = { maxDeletes: null, maxDeletePercent: 20, window: WINDOW_MS };
    const names = new NamedKeys(new SharedBudget(512 * KIB));
    const brake = new DeleteBrake({ limits, allowed: 0, countKeys: async () => 10_000_000, names });
    expect(await brake.admit(deletes(100), 1, 5)).toBeNull();
    const exceeded = await brake.admit(deletes(20_000), 2, 5);
    expect(exceeded).toMatchObject({ brake: 'delete_percent', finding: expect.stringContaining('or more') });
    // Nor does the next one pass because nothing more is remembered of it.
    expect(await brake.admit([write('delete', 'one more')], 3, 5)).not.toBeNull();
    // What is too old counts no more.
    expect(await brake.admit(deletes(1), 4, 5 + 2 * WINDOW_MS)).toBeNull();
  });
});

describe('the brake on deletes', () => {
  it('admits exactly as many as the limits allow, however the deletes are spread over revisions', async () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 30 });
    await fc.assert(
      fc.asyncProperty(
        sizes,
        fc.integer({ min: 100, max: 1000 }),
        fc.integer({ min: 5, max: 200 }),
        async (...drawn) => {
          const [revisions, keys, maxDeletes] = drawn;
          let [present, next] = [keys, 0];
          const limits = { maxDeletes, maxDeletePercent: 20, window: WINDOW_MS };
          const brake = new DeleteBrake({ limits, allowed: 0, countKeys: async () => present });
          for (const [index, size] of revisions.entries()) {
            const writes = Array.from({ length: size }, () => write('delete', `key ${next++}`));
            const exceeded = await brake.admit(writes, index + 1, 5);
            expect(exceeded !== null).toBe(next > maxDeletes || next / keys > 0.2);
            if (exceeded !== null) return;
            present -= size;
          }
        },
      ),
    );
  });

  it('lets what was approved pass, and counts from there', async () => {
    const limits = { maxDeletes: 2, maxDeletePercent: null, window: WINDOW_MS };
    const brake = new DeleteBrake({ limits, allowed: 10, countKeys: async () => 1000 });
    const three = (name: string) => ['1', '2', '3'].map((key) => write('delete', `${name}/${key}`));
    expect(await brake.admit(three('approved'), 10, 5)).toBeNull();
    expect(await brake.admit(three('newer').slice(1), 11, 5)).toBeNull();
    expect(await brake.admit(three('newest'), 12, 5)).not.toBeNull();
  });
});
