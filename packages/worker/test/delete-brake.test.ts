import type { Write } from '@tidemark/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DeleteBrake } from '../src/brakes/delete-brake.js';
import { DeleteWindow } from '../src/brakes/delete-window.js';
import { deletesExceed } from '../src/brakes/limits.js';

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
  const limits = { maxDeletes: 1000, maxDeletePercent: 20, window: WINDOW_MS };

  it('are a number, and a share from 100 keys on', () => {
    expect(deletesExceed(1000, 1_000_000, limits)).toBeNull();
    expect(deletesExceed(1001, 1_000_000, limits)?.brake).toBe('deletes');
    expect(deletesExceed(20, 100, limits)).toBeNull();
    expect(deletesExceed(21, 100, limits)?.brake).toBe('delete_percent');
    expect(deletesExceed(99, 99, limits)).toBeNull();
    expect(deletesExceed(1_000_000, 1_000_000, { ...limits, maxDeletes: null, maxDeletePercent: null })).toBeNull();
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
