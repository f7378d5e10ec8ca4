/** Half-open range of keys, `[start, end)`; `end` null means: to the end of the keyspace. Bytes, never text. */
export interface KeyRange {
  readonly start: Buffer;
  readonly end: Buffer | null;
}

/** The first key etcd allows is the single zero byte. */
const FIRST_KEY = Buffer.from([0]);

/** Every key there is. */
export const FULL_KEYSPACE: KeyRange = { start: FIRST_KEY, end: null };

/** The keys that begin with `prefix`; an empty prefix is the full keyspace. */
export function prefixRange(prefix: Buffer): KeyRange {
  if (prefix.length === 0) return FULL_KEYSPACE;
  return { start: prefix, end: prefixEnd(prefix) };
}

/** The smallest key after every key with this prefix, or null when there is none (a prefix of 0xff bytes only). */
function prefixEnd(prefix: Buffer): Buffer | null {
  for (let last = prefix.length - 1; last >= 0; last--) {
    const byte = prefix[last] ?? 0;
    if (byte < 0xff) {
      const end = Buffer.from(prefix.subarray(0, last + 1));
      end[last] = byte + 1;
      return end;
    }
  }
  return null;
}

/** The smallest key that is greater than `key`: where the next page starts. */
export function keyAfter(key: Buffer): Buffer {
  return Buffer.concat([key, FIRST_KEY]);
}

export function rangeContains(range: KeyRange, key: Buffer): boolean {
  return !isBefore(key, range.start) && (range.end === null || isBefore(key, range.end));
}

export function rangesOverlap(a: KeyRange, b: KeyRange): boolean {
  const aBeforeBEnds = b.end === null || Buffer.compare(a.start, b.end) < 0;
  const bBeforeAEnds = a.end === null || Buffer.compare(b.start, a.end) < 0;
  return aBeforeBEnds && bBeforeAEnds;
}

/** Order of keys, as bytes; for sorting. */
export function compareKeys(a: Buffer, b: Buffer): number {
  return Buffer.compare(a, b);
}

// The functions below are called several times for every key that passes. Buffer's own methods leave JavaScript for each
// comparison, which takes three to ten times as long where the first few bytes decide, as they do here.

export function hasPrefix(key: Buffer, prefix: Buffer): boolean {
  const { length } = prefix;
  if (key.length < length) return false;
  for (let at = 0; at < length; at++) if (key[at] !== prefix[at]) return false;
  return true;
}

/** Bytes that are compared one by one: usually a key outside of a range differs from its bounds in these. */
const COMPARED_HERE = 16;

function isBefore(key: Buffer, bound: Buffer): boolean {
  const length = Math.min(key.length, bound.length, COMPARED_HERE);
  for (let at = 0; at < length; at++) {
    const order = (key[at] ?? 0) - (bound[at] ?? 0);
    if (order !== 0) return order < 0;
  }
  return Buffer.compare(key, bound) < 0;
}

/** A key for people: its text where it is printable UTF-8, and its bytes in escapes where it is not. */
export function printableKey(key: Buffer): string {
  const text = key.toString('utf8');
  if (Buffer.from(text, 'utf8').equals(key) && !/\p{C}/u.test(text)) return text;
  const escaped = (byte: number) =>
    byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, '0')}`;
  return [...key].map(escaped).join('');
}
