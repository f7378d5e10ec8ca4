import { FULL_KEYSPACE, JournalCorruptError, type KeyValue } from '@tidemark/core';
import { never, until } from '@tidemark/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import { MemoryStream } from '../src/index.js';
import { type Bucket, type BucketObject, type Content, hashed } from '../src/snapshots/bucket.js';
import { BucketSnapshotStore } from '../src/snapshots/store.js';

const about = { position: { generation: 1, revision: 7 }, rewind: null } as const;

/** A bucket in memory whose puts a test lets go one by one, and that notes what is put and removed. */
class WatchedBucket implements Bucket {
  /** Puts that were begun since `holdPuts`. */
  readonly begun: string[] = [];
  readonly removed: string[] = [];
  private readonly inner = new MemoryStream().bucket;
  private holding = false;
  private letGo: () => void = () => undefined;

  /** Puts wait from now on. */
  holdPuts(): void {
    this.holding = true;
  }

  /** Lets go the put that waits. */
  goOn(): void {
    this.letGo();
  }

  async put(name: string, content: Content): Promise<void> {
    if (this.holding) {
      this.begun.push(name);
      await new Promise<void>((resolve) => {
        this.letGo = resolve;
      });
    }
    await this.inner.put(name, content);
  }

  async remove(name: string): Promise<void> {
    this.removed.push(name);
    await this.inner.remove(name);
  }

  get(name: string): Promise<Content | null> {
    return this.inner.get(name);
  }

  list(): Promise<readonly BucketObject[]> {
    return this.inner.list();
  }
}

let bucket: WatchedBucket;

beforeEach(() => {
  bucket = new WatchedBucket();
});

async function* keys(...names: string[]): AsyncGenerator<readonly KeyValue[]> {
  const meta = { createRevision: 1, modRevision: 1, version: 1, lease: 0n };
  yield names.map((name) => ({ ...meta, key: Buffer.from(name), value: Buffer.from(`value of ${name}`) }));
}

async function names(): Promise<string[]> {
  return (await bucket.list()).map(({ name }) => name);
}

describe('a snapshot that is being stored', () => {
  it('exists only when every part is stored: the manifest goes last', async () => {
    bucket.holdPuts();
    const stored = new BucketSnapshotStore(bucket).put(about, keys('/a'), never);
    await until(() => bucket.begun.length === 1, { describe: 'the part' });
    for (let turn = 0; turn < 100; turn++) await new Promise(setImmediate);
    expect(bucket.begun).toEqual([expect.stringMatching(/\/0$/)]);
    bucket.goOn();
    await until(() => bucket.begun.length === 2, { describe: 'the manifest' });
    expect(bucket.begun[1]).toMatch(/\/manifest$/);
    bucket.goOn();
    expect((await stored).keys).toBe(1);
  });

  it.each([
    ['before the first page', []],
    ['after it', ['/a']],
  ])('is given up when its signal aborts %s: pages end quietly then, and others would be missing', async (_, read) => {
    const stop = new AbortController();
    async function* pages() {
      if (read.length > 0) yield* keys(...read);
      stop.abort();
    }
    const store = new BucketSnapshotStore(bucket);
    await expect(store.put(about, pages(), stop.signal)).rejects.toThrow();
    expect(await store.list(never)).toEqual([]);
  });

  it('is left alone by another node that tidies up, and so is one that is complete', async () => {
    const store = new BucketSnapshotStore(bucket);
    const complete = await store.put(about, keys('/a'), never);
    await bucket.put('another/0', hashed(Buffer.from('a part without a manifest yet')));
    await store.remove('never-was', never);
    expect(await names()).toContain('another/0');
    // Once it is older than any `put` takes, nobody is storing it any more.
    await new BucketSnapshotStore(bucket, 0).remove('never-was', never);
    expect(await names()).toEqual([`${complete.id}/0`, `${complete.id}/manifest`]);
  });
});

describe('a snapshot that is removed', () => {
  it('is gone from the list before the first of its parts is', async () => {
    const store = new BucketSnapshotStore(bucket);
    const { id } = await store.put(about, keys('/a'), never);
    await store.remove(id, never);
    expect(bucket.removed).toEqual([`${id}/manifest`, `${id}/0`]);
  });
});

it('a part that is not what the manifest says is refused, though it is whole', async () => {
  const store = new BucketSnapshotStore(bucket);
  const { id } = await store.put(about, keys('/a'), never);
  const other = await new BucketSnapshotStore(bucket).put(about, keys('/b'), never);
  const part: Content | null = await bucket.get(`${other.id}/0`);
  if (part === null) throw new Error('no part');
  await bucket.put(`${id}/0`, part);
  const read = async () => {
    for await (const _ of store.open(id, FULL_KEYSPACE, never));
  };
  await expect(read()).rejects.toThrow(JournalCorruptError);
});
