import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  FULL_KEYSPACE,
  hasPrefix,
  keyAfter,
  prefixRange,
  printableKey,
  rangeContains,
  rangesOverlap,
} from '../src/index.js';

const bytes = (min: number) => fc.uint8Array({ minLength: min, maxLength: 4 }).map((array) => Buffer.from(array));

describe('a key for people', () => {
  it('is its text, or its bytes where that would not be readable', () => {
    expect(printableKey(Buffer.from('/conf/é'))).toBe('/conf/é');
    expect(printableKey(Buffer.from([0x2f, 0x61, 0x00, 0xff]))).toBe('/a\\x00\\xff');
    expect(printableKey(Buffer.from('a\nb'))).toBe('a\\x0ab');
  });
});

describe('key ranges', () => {
  it('a prefix range holds exactly the keys with that prefix', () => {
    fc.assert(
      fc.property(bytes(0), bytes(1), (prefix, key) => {
        const isFirstKey = prefix.length === 0;
        expect(rangeContains(prefixRange(prefix), key)).toBe(isFirstKey || hasPrefix(key, prefix));
      }),
    );
  });

  it('a range holds what is not before its start and before its end, however much they have in common', () => {
    const tail = bytes(0);
    const common = fc.constantFrom('', '/conftool/v1/', '/conftool/v1/pools/');
    fc.assert(
      fc.property(common, tail, tail, tail, (shared, low, high, probe) => {
        const [start, end, key] = [low, high, probe].map((rest) => Buffer.concat([Buffer.from(shared), rest]));
        if (start === undefined || end === undefined || key === undefined) throw new Error('three keys');
        const within = Buffer.compare(key, start) >= 0 && Buffer.compare(key, end) < 0;
        expect(rangeContains({ start, end }, key)).toBe(within);
      }),
    );
  });

  it('the next page starts at the smallest larger key', () => {
    fc.assert(
      fc.property(bytes(1), bytes(1), (key, other) => {
        const after = keyAfter(key);
        if (Buffer.compare(other, key) > 0) expect(Buffer.compare(other, after)).toBeGreaterThanOrEqual(0);
      }),
    );
  });

  it('prefix ranges overlap exactly when one prefix begins with the other', () => {
    fc.assert(
      fc.property(bytes(1), bytes(1), (a, b) => {
        expect(rangesOverlap(prefixRange(a), prefixRange(b))).toBe(hasPrefix(a, b) || hasPrefix(b, a));
      }),
    );
  });

  it('a prefix of 0xff bytes reaches to the end of the keyspace', () => {
    expect(prefixRange(Buffer.from([0xff, 0xff])).end).toBeNull();
    expect(prefixRange(Buffer.alloc(0))).toEqual(FULL_KEYSPACE);
    expect(prefixRange(Buffer.from([0x61, 0xff])).end).toEqual(Buffer.from([0x62]));
  });
});
