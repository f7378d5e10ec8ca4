import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { aborted, type Group, gather } from '../src/index.js';

const bySize = {
  maxGroupBytes: 10,
  maxQueuedBytes: 100,
  itemsOf: (sizes: readonly number[]) => sizes,
  sizeOf: (size: number) => size,
};

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** An upstream that is fed by hand and ends when its signal aborts. */
class Feed<T> {
  private items: T[][] = [];
  private wake: (() => void) | null = null;
  private end: { error?: unknown } | null = null;
  taken = 0;
  stopped = false;

  push(...items: T[]): void {
    this.items.push(items);
    this.wake?.();
  }

  finish(error?: unknown): void {
    this.end = error === undefined ? {} : { error };
    this.wake?.();
  }

  async *open(signal: AbortSignal): AsyncGenerator<T[]> {
    signal.addEventListener('abort', () => this.wake?.());
    while (!signal.aborted) {
      const next = this.items.shift();
      if (next !== undefined) {
        this.taken++;
        yield next;
        continue;
      }
      if (this.end !== null) {
        if ('error' in this.end) throw this.end.error;
        return;
      }
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
    this.stopped = true;
  }
}

describe('gather', () => {
  it('hands out one item at once when idle and everything that arrived meanwhile when busy', async () => {
    const feed = new Feed<number>();
    const groups = gather((signal) => feed.open(signal), bySize);
    feed.push(1);
    expect(await groups.next()).toEqual({ done: false, value: { items: [1], more: false } });
    feed.push(2);
    feed.push(3);
    feed.push(4);
    await new Promise(setImmediate);
    expect(await groups.next()).toEqual({ done: false, value: { items: [2, 3, 4], more: false } });
    await groups.return(undefined);
  });

  it('closes a group at its byte limit, and lets a single larger item through alone', async () => {
    const feed = new Feed<number>();
    feed.push(6, 6, 50, 1);
    feed.finish();
    const groups: Group<number>[] = [];
    for await (const group of gather((signal) => feed.open(signal), bySize)) groups.push(group);
    expect(groups).toEqual([
      { items: [6], more: true },
      { items: [6], more: true },
      { items: [50], more: true },
      { items: [1], more: false },
    ]);
  });

  it('stops reading upstream while more bytes wait than allowed', async () => {
    const feed = new Feed<number>();
    for (let i = 0; i < 10; i++) feed.push(60);
    feed.finish();
    const groups = gather((signal) => feed.open(signal), bySize);
    await groups.next();
    await new Promise(setImmediate);
    expect(feed.taken).toBeLessThan(5);
    let rest = 0;
    for await (const { items } of groups) rest += items.length;
    expect(rest).toBe(9);
  });

  it('keeps nothing that it has handed out, though it never runs empty', async () => {
    const feed = new Feed<{ bytes: number }>();
    const groups = gather((signal) => feed.open(signal), {
      maxGroupBytes: 1,
      maxQueuedBytes: 100,
      itemsOf: (items) => items,
      sizeOf: () => 1,
    });
    const handedOut: WeakRef<object>[] = [];
    for (let n = 0; n < 10; n++) feed.push({ bytes: 1 });
    await new Promise(setImmediate);
    for (let n = 0; n < 9; n++) {
      const { value } = await groups.next();
      for (const item of value?.items ?? []) handedOut.push(new WeakRef(item));
    }
    // A WeakRef holds its target until the job that made it is over.
    await new Promise(setImmediate);
    collectGarbage();
    // The newest group may still be in the generator's hands.
    expect(handedOut.slice(0, -1).map((ref) => ref.deref())).toEqual(new Array(8).fill(undefined));
    await groups.return(undefined);
  });

  it('rethrows upstream errors after what was read before', async () => {
    const feed = new Feed<number>();
    feed.push(1);
    feed.finish(new Error('cut'));
    const groups = gather((signal) => feed.open(signal), bySize);
    expect((await groups.next()).value?.items).toEqual([1]);
    await expect(groups.next()).rejects.toThrow('cut');
  });

  it('ends an idle upstream when the consumer leaves', async () => {
    const feed = new Feed<number>();
    feed.push(1);
    for await (const group of gather((signal) => feed.open(signal), bySize)) {
      expect(group.items).toEqual([1]);
      break;
    }
    expect(feed.stopped).toBe(true);
  });

  it('hands out an empty group when something is due, and loses no item to it', async () => {
    const feed = new Feed<number>();
    feed.push(1);
    let due: number | null = null;
    const groups: (readonly number[])[] = [];
    for await (const { items } of gather((signal) => feed.open(signal), { ...bySize, dueInMs: () => due })) {
      groups.push(items);
      if (items[0] === 1) due = 1;
      else if (items.length === 0) {
        due = null;
        feed.push(2);
        feed.finish();
      }
    }
    expect(groups).toEqual([[1], [], [2]]);
  });

  it('lets its consumer leave when something is due although upstream is quiet', async () => {
    async function* quiet(signal: AbortSignal): AsyncGenerator<number[]> {
      await aborted(signal);
      yield* [];
    }
    for await (const group of gather(quiet, { ...bySize, dueInMs: () => 1 })) {
      expect(group).toEqual({ items: [], more: false });
      break;
    }
  });
});
