import {
  FULL_KEYSPACE,
  InvariantError,
  type KeyRange,
  type KeyValue,
  prefixRange,
  SnapshotMissingError,
  type SnapshotStore,
} from '@tidemark/core';
import { expect, it } from 'vitest';
import { never } from '../waiting/never.js';
import { at, keyValues, type OpenJournal } from './journal-harness.js';

/** Several parts of 4 MiB, whatever the implementation's page size. */
const KEYS = 3000;
const VALUE_BYTES = 4096;

export function snapshotConformance(open: OpenJournal): void {
  it('gives back what was put, by range, to every node', async () => {
    const shared = await open();
    const { snapshots } = await shared.node();
    const all = keyValues(KEYS, VALUE_BYTES);
    const ref = await snapshots.put({ position: at(7), rewind: null }, pages(all), never);
    expect(ref).toMatchObject({ position: at(7), keys: KEYS, bytes: KEYS * (VALUE_BYTES + 11) });
    const other = (await shared.node()).snapshots;
    expect(await other.list(never)).toEqual([ref]);
    expect(same(await read(other, ref.id, FULL_KEYSPACE), all)).toBe(true);
    const within = prefixRange(Buffer.from('/k/000014'));
    expect(same(await read(other, ref.id, within), all.slice(1400, 1500))).toBe(true);
    expect(await read(other, ref.id, prefixRange(Buffer.from('/z')))).toEqual([]);
  });

  it('stores an empty keyspace', async () => {
    const { snapshots } = await (await open()).node();
    const ref = await snapshots.put({ position: at(7), rewind: null }, pages([]), never);
    expect(ref).toMatchObject({ keys: 0, bytes: 0 });
    expect(await read(snapshots, ref.id, FULL_KEYSPACE)).toEqual([]);
  });

  it('lists the oldest first, and forgets what is removed, by whomever', async () => {
    const shared = await open();
    const { snapshots } = await shared.node();
    const other = (await shared.node()).snapshots;
    const older = await snapshots.put({ position: at(7), rewind: null }, pages(keyValues(10, 10)), never);
    const younger = await snapshots.put({ position: at(9), rewind: null }, pages(keyValues(10, 10)), never);
    expect(await snapshots.list(never)).toEqual([older, younger]);
    expect(await other.list(never)).toEqual([older, younger]);
    await snapshots.remove(older.id, never);
    await snapshots.remove('never-was', never);
    expect(await snapshots.list(never)).toEqual([younger]);
    for (const each of [snapshots, other]) {
      await expect(read(each, older.id, FULL_KEYSPACE)).rejects.toThrow(SnapshotMissingError);
      expect(await each.list(never)).toEqual([younger]);
    }
    expect(await read(snapshots, younger.id, FULL_KEYSPACE)).toHaveLength(10);
  });

  it('shows nothing of a put that was interrupted', async () => {
    const { snapshots } = await (await open()).node();
    async function* broken() {
      yield keyValues(2000, VALUE_BYTES);
      throw new Error('the source went away');
    }
    await expect(snapshots.put({ position: at(7), rewind: null }, broken(), never)).rejects.toThrow(
      'the source went away',
    );
    expect(await snapshots.list(never)).toEqual([]);
  });

  it('refuses keys that are not in order', async () => {
    const { snapshots } = await (await open()).node();
    await expect(
      snapshots.put({ position: at(7), rewind: null }, pages(keyValues(5, 5).reverse()), never),
    ).rejects.toThrow(InvariantError);
  });
}

async function* pages(kvs: readonly KeyValue[]): AsyncGenerator<readonly KeyValue[]> {
  for (let start = 0; start < kvs.length; start += 500) yield kvs.slice(start, start + 500);
}

async function read(snapshots: SnapshotStore, id: string, range: KeyRange): Promise<KeyValue[]> {
  const kvs: KeyValue[] = [];
  for await (const page of snapshots.open(id, range, never)) kvs.push(...page);
  return kvs;
}

/** Field for field. `toEqual` on thousands of buffers takes longer than the rest of the suite. */
function same(found: readonly KeyValue[], expected: readonly KeyValue[]): boolean {
  const equal = (a: KeyValue, b: KeyValue | undefined) =>
    b !== undefined && a.key.equals(b.key) && a.value.equals(b.value) && a.lease === b.lease && a.version === b.version;
  return found.length === expected.length && found.every((kv, index) => equal(kv, expected[index]));
}
