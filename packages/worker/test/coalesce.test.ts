import type { Change, Entry } from '@tidemark/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Batch, Coalescer } from '../src/apply/coalesce.js';
import { Filter } from '../src/routes/filter.js';

const everything = new Filter([{ prefix: '', exclude: [], leased: 'keep' }], []);

const change = fc.oneof(
  fc.record({ key: fc.constantFrom('a', 'b', 'c', 'd', 'e'), value: fc.string({ maxLength: 40 }) }).map(
    ({ key, value }): Change => ({
      kind: 'put',
      key: Buffer.from(key),
      value: Buffer.from(value),
      createRevision: 1,
      version: 1,
      lease: 0n,
    }),
  ),
  fc.constantFrom('a', 'b', 'c', 'd', 'e').map((key): Change => ({ kind: 'delete', key: Buffer.from(key) })),
);
const history = fc
  .array(fc.uniqueArray(change, { selector: ({ key }) => key.toString(), minLength: 1, maxLength: 4 }), {
    maxLength: 30,
  })
  .map((revisions): Entry[] => revisions.map((changes, index) => ({ revision: index + 1, changes })));

function apply(state: Map<string, string>, changes: readonly { kind: string; key: Buffer; value?: Buffer }[]): void {
  for (const { kind, key, value } of changes) {
    if (kind === 'put') state.set(key.toString(), value?.toString() ?? '');
    else state.delete(key.toString());
  }
}

describe('coalescing', () => {
  it('shows only states that the source had after a whole revision, and ends in the same one', () => {
    fc.assert(
      fc.property(
        history,
        fc.integer({ min: 4, max: 8 }),
        fc.integer({ min: 200, max: 600 }),
        (entries, maxWrites, maxBytes) => {
          const coalescer = new Coalescer({ maxWrites, maxBytes });
          const batches: Batch[] = [];
          for (const entry of entries) {
            const closed = coalescer.add(entry.revision, everything.mapEntry(entry), 0);
            if (closed !== null) batches.push(closed);
          }
          const last = coalescer.take();
          if (last !== null) batches.push(last);

          const source = new Map<string, string>();
          const destination = new Map<string, string>();
          let next = 0;
          for (const batch of batches) {
            while (next < entries.length && (entries[next]?.revision ?? 0) <= batch.revision) {
              apply(source, entries[next]?.changes ?? []);
              next++;
            }
            expect(new Set(batch.writes.map(({ key }) => key.toString())).size).toBe(batch.writes.length);
            expect(batch.writes.length).toBeLessThanOrEqual(maxWrites);
            apply(destination, batch.writes);
            expect(destination).toEqual(source);
          }
          expect(next).toBe(entries.length);
        },
      ),
    );
  });

  it('keeps a revision that nothing matches, so that the position moves', () => {
    const coalescer = new Coalescer({ maxWrites: 10, maxBytes: 1000 });
    coalescer.add(7, [], 5);
    expect(coalescer.take()).toEqual({ writes: [], revision: 7, time: 5 });
    expect(coalescer.take()).toBeNull();
  });
});
