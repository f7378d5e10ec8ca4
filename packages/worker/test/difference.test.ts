import { compareKeys } from '@tidemark/core';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type Difference, difference } from '../src/compare/difference.js';
import type { Item } from '../src/routes/route.js';

async function* pages(items: readonly Item[], size: number): AsyncGenerator<readonly Item[]> {
  for (let start = 0; start < items.length; start += size) yield items.slice(start, start + size);
  yield [];
}

const keyspace = fc.dictionary(
  fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g', 'aa', 'ab'),
  fc.constantFrom('1', '2'),
);

function items(content: Record<string, string>): Item[] {
  return Object.entries(content)
    .map(([key, value]) => ({ key: Buffer.from(key), value: Buffer.from(value) }))
    .toSorted((x, y) => Buffer.compare(x.key, y.key));
}

it('finds exactly what differs, whatever the page sizes', async () => {
  await fc.assert(
    fc.asyncProperty(
      keyspace,
      keyspace,
      fc.integer({ min: 1, max: 4 }),
      fc.integer({ min: 1, max: 4 }),
      async (wanted, actual, left, right) => {
        const found: Difference[] = [];
        for await (const some of difference(pages(items(wanted), left), pages(items(actual), right)))
          found.push(...some);
        const healed = new Map<string, string>(Object.entries(actual));
        for (const each of found) {
          const key = each.key.toString();
          if (each.kind === 'extra') {
            expect(wanted[key]).toBeUndefined();
            expect(healed.delete(key)).toBe(true);
          } else {
            expect(actual[key] === undefined).toBe(each.kind === 'missing');
            expect(actual[key]).not.toBe(each.value.toString());
            healed.set(key, each.value.toString());
          }
        }
        expect(healed).toEqual(new Map(Object.entries(wanted)));
        expect(found.map(({ key }) => key).toSorted(compareKeys)).toEqual(found.map(({ key }) => key));
      },
    ),
  );
});
