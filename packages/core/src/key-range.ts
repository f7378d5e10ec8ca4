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
  return Buffer.compare(key, range.start) >= 0 && (range.end === null || Buffer.compare(key, range.end) < 0);
}

export function rangesOverlap(a: KeyRange, b: KeyRange): boolean {
  const aBeforeBEnds = b.end === null || Buffer.compare(a.start, b.end) < 0;
  const bBeforeAEnds = a.end === null || Buffer.compare(b.start, a.end) < 0;
  return aBeforeBEnds && bBeforeAEnds;
}

export function hasPrefix(key: Buffer, prefix: Buffer): boolean {
  return key.length >= prefix.length && key.compare(prefix, 0, prefix.length, 0, prefix.length) === 0;
}

/** Order of keys, as bytes; for sorting. */
export function compareKeys(a: Buffer, b: Buffer): number {
  return Buffer.compare(a, b);
}

/** A key for people: its text where it is printable UTF-8, and its bytes in escapes where it is not. */
export function printableKey(key: Buffer): string {
  const text = key.toString('utf8');
  if (Buffer.from(text, 'utf8').equals(key) && !/\p{C}/u.test(text)) return text;
  const escaped = (byte: number) =>
    byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, '0')}`;
  return [...key].map(escaped).join('');
}
