import { compareKeys, type KeyRange, keyAfter, rangeContains } from '@tidemark/core';
import type { KeyNames } from './key-names.js';

/** Keys that Redis looks at in one SCAN call: about a millisecond, in which it serves nobody else. */
const SCAN_COUNT = 1_000;
/**
 * What a pass keeps: bytes of names, and so many more for each name; half as much again until the next cut. Node's heap
 * takes several times that, because it is all alive when the collector looks at it.
 */
const PASS_BYTES = 8 * 1024 * 1024;
const NAME_OVERHEAD_BYTES = 24;
/** Keys given out together. */
const GROUP_KEYS = 1_000;

/** One SCAN call: the next cursor, '0' at the end, and names as Redis has them. */
export type ScanPage = { readonly cursor: string; readonly names: readonly Buffer[] };
export type Scan = (cursor: string, pattern: Buffer, count: number) => Promise<ScanPage>;

export interface SortedKeysOptions {
  readonly range: KeyRange;
  readonly names: KeyNames;
  /** Begins a new iteration; all its calls go to one server, because a cursor means nothing to another. */
  readonly pass: <T>(work: (scan: Scan) => Promise<T>) => Promise<T>;
  /** For tests. */
  readonly passBytes?: number;
}

/**
 * The keys of a range in byte order, each once, in groups. Redis has neither order nor ranges: each pass walks the whole
 * keyspace and keeps the smallest keys after the last one given out, as many as fit. So memory is bounded, and the
 * number of passes is the size of all names divided by PASS_BYTES. Keys that are there the whole time are not missed.
 */
export async function* sortedKeys(options: SortedKeysOptions): AsyncGenerator<readonly Buffer[]> {
  const { names, pass } = options;
  let range: KeyRange | null = options.range;
  while (range !== null) {
    const current: KeyRange = range;
    const smallest = new SmallestKeys(options.passBytes ?? PASS_BYTES);
    await pass((scan) => collect(scan, names, current, smallest));
    const { keys, complete } = smallest.take();
    for (let from = 0; from < keys.length; from += GROUP_KEYS) {
      yield keys.slice(from, from + GROUP_KEYS).map(toKey);
    }
    const last = keys.at(-1);
    range = complete || last === undefined ? null : { start: keyAfter(toKey(last)), end: current.end };
  }
}

async function collect(scan: Scan, names: KeyNames, range: KeyRange, smallest: SmallestKeys): Promise<void> {
  const pattern = names.pattern(range);
  let cursor = '0';
  do {
    const page = await scan(cursor, pattern, SCAN_COUNT);
    for (const name of page.names) {
      const key = names.keyOf(name);
      if (key !== null && rangeContains(range, key)) smallest.add(key);
    }
    cursor = page.cursor;
  } while (cursor !== '0');
}

/** Collects keys and forgets the greatest when there are too many. Held as strings, a character for each byte: small, and sorted by byte. */
class SmallestKeys {
  private kept: string[] = [];
  private bytes = 0;
  /** Keys from here on were forgotten. */
  private bound: Buffer | null = null;

  constructor(private readonly maxBytes: number) {}

  add(key: Buffer): void {
    // Most keys of a large keyspace end here: before anything is made of them.
    if (this.bound !== null && compareKeys(key, this.bound) >= 0) return;
    const name = key.toString('latin1');
    this.kept.push(name);
    this.bytes += sizeOf(name);
    if (this.bytes > 1.5 * this.maxBytes) this.cut();
  }

  take(): { readonly keys: readonly string[]; readonly complete: boolean } {
    this.cut();
    return { keys: this.kept, complete: this.bound === null };
  }

  /** SCAN may give a key more than once. At least one stays, however long. */
  private cut(): void {
    const sorted = this.kept.sort().filter((name, index, all) => name !== all[index - 1]);
    let bytes = 0;
    let length = 0;
    for (const name of sorted) {
      if (length > 0 && bytes + sizeOf(name) > this.maxBytes) break;
      bytes += sizeOf(name);
      length++;
    }
    const next = sorted[length];
    if (next !== undefined) this.bound = toKey(next);
    this.kept = sorted.slice(0, length);
    this.bytes = bytes;
  }
}

function toKey(name: string): Buffer {
  return Buffer.from(name, 'latin1');
}

function sizeOf(name: string): number {
  return name.length + NAME_OVERHEAD_BYTES;
}
