import type { KeyRange, KeyValue } from '@tidemark/core';
import type { RedisConnection } from './connection.js';
import type { KeyNames } from './key-names.js';
import { asArray, asValue } from './replies.js';
import { VALUES } from './scripts.js';
import { type Scan, sortedKeys } from './sorted-keys.js';

/** Values of one page. */
const PAGE_BYTES = 1024 * 1024;

type Item = Pick<KeyValue, 'key' | 'value'>;

export interface Reading {
  readonly names: KeyNames;
  /** Does some work on one connection. */
  readonly use: <T>(work: (connection: RedisConnection) => Promise<T>) => Promise<T>;
  readonly signal: AbortSignal;
}

/**
 * The keys of a range, sorted. Other types than plain values are somebody else's, and left out: neither compared nor
 * counted, so never taken for something to delete.
 */
export function readKeys({ names, use, signal }: Reading, range: KeyRange): AsyncGenerator<readonly Buffer[]> {
  const pass = <T>(work: (scan: Scan) => Promise<T>) => use((connection) => work(scanOf(connection, signal)));
  return sortedKeys({ range, names, pass });
}

/** The keys of a range, sorted, and their values at about the time when each page was read. */
export async function* readPages(reading: Reading, range: KeyRange): AsyncGenerator<readonly Item[]> {
  for await (const keys of readKeys(reading, range)) {
    let from = 0;
    while (from < keys.length) {
      const asked = keys.slice(from);
      const values = await readValues(reading, asked);
      from += values.length;
      // What is gone by now is not there.
      yield values.flatMap((value, index) => {
        const key = asked[index];
        return value === null || key === undefined ? [] : [{ key, value }];
      });
    }
  }
}

/** Of the first of these keys, as many as fit a page. */
function readValues({ names, use, signal }: Reading, asked: readonly Buffer[]): Promise<(Buffer | null)[]> {
  const keys = asked.map((key) => names.nameOf(key));
  const call = { kind: 'read', script: VALUES, keys, args: [PAGE_BYTES] } as const;
  return use(async (connection) => asArray(await connection.run(call, signal)).map(asValue));
}

function scanOf(connection: RedisConnection, signal: AbortSignal): Scan {
  return async (cursor, pattern, count) => {
    const args = [cursor, 'MATCH', pattern, 'COUNT', count, 'TYPE', 'string'];
    const [next, names] = asArray(await connection.call({ kind: 'read', name: 'SCAN', args }, signal));
    return { cursor: String(next), names: asArray(names).flatMap((name) => asValue(name) ?? []) };
  };
}
