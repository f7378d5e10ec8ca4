import { compareKeys, type KeyRange, prefixRange, rangeContains } from '@tidemark/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KeyNames } from '../src/redis/key-names.js';
import { type ScanPage, sortedKeys } from '../src/redis/sorted-keys.js';

const names = new KeyNames('p*[', 'test/cache');

/** A keyspace as SCAN gives it: in no order, in pages, some keys twice. */
function keyspace(stored: readonly Buffer[], passBytes: number) {
  const given = [...stored, ...stored.slice(0, 3)];
  let passes = 0;
  const scan = async (cursor: string): Promise<ScanPage> => {
    const from = Number(cursor);
    if (from === 0) passes++;
    const next = from + 2 < given.length ? String(from + 2) : '0';
    return { cursor: next, names: given.slice(from, from + 2) };
  };
  const read = async (range: KeyRange) => {
    const groups: (readonly Buffer[])[] = [];
    for await (const keys of sortedKeys({ range, names, pass: (work) => work(scan), passBytes })) groups.push(keys);
    return { groups, passes };
  };
  return { read };
}

const bytes = fc.uint8Array({ maxLength: 4 }).map((array) => Buffer.from(array));

describe('sorted keys of a Redis', () => {
  it('are those of the range, in byte order, each once, whatever fits a pass', async () => {
    const property = fc.asyncProperty(
      fc.array(bytes, { maxLength: 40 }),
      fc.integer({ min: 1, max: 200 }),
      bytes,
      async (keys, passBytes, prefix) => {
        const range = prefixRange(prefix);
        const { groups } = await keyspace(
          keys.map((key) => names.nameOf(key)),
          passBytes,
        ).read(range);
        const unique = [...new Set(keys.map((key) => key.toString('latin1')))].map((key) => Buffer.from(key, 'latin1'));
        const expected = unique.filter((key) => rangeContains(range, key)).toSorted(compareKeys);
        expect(groups.flat()).toEqual(expected);
        expect(groups.every((group) => group.length > 0)).toBe(true);
      },
    );
    await fc.assert(property, { numRuns: 300, verbose: true });
  });

  it('take a pass for what fits into one, and one more for each further', async () => {
    const stored = Array.from({ length: 40 }, (_, index) => names.nameOf(Buffer.from(`k${String(index).padStart(5)}`)));
    expect((await keyspace(stored, 40 * 30).read(prefixRange(Buffer.from('k')))).passes).toBe(1);
    expect((await keyspace(stored, 10 * 30).read(prefixRange(Buffer.from('k')))).passes).toBe(4);
  });

  it('leave out checkpoints, of whichever destination, and names of others', async () => {
    const stored = ['p*[__tidemark__/a/b/checkpoint', 'p*[a', 'pxa', 'a'].map((name) => Buffer.from(name));
    const { groups } = await keyspace(stored, 1000).read(prefixRange(Buffer.alloc(0)));
    expect(groups).toEqual([[Buffer.from('a')]]);
  });
});

describe('the pattern of a range', () => {
  it('is literal, and takes at least its keys', () => {
    const text = (range: KeyRange) => names.pattern(range).toString('latin1');
    expect(text(prefixRange(Buffer.from('/a?b/')))).toBe('p\\*\\[/a\\?b*');
    expect(text(prefixRange(Buffer.alloc(0)))).toBe('p\\*\\[*');
  });
});
