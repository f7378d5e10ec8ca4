import { Bell } from './bell.js';
import { callAfter } from './timer.js';

export interface GatherOptions<Read, Item> {
  /** A group holds at most this many bytes, unless a single item is larger. */
  readonly maxGroupBytes: number;
  /** Reading from upstream stops while more than this many bytes wait. */
  readonly maxQueuedBytes: number;
  /** The items in what upstream yields. */
  readonly itemsOf: (read: Read) => readonly Item[];
  readonly sizeOf: (item: Item) => number;
  /**
   * Asked before each wait: milliseconds after which the consumer gets an empty group if nothing has arrived by then,
   * because it has something to do. Null, or no function: nothing is due, and no group is empty.
   */
  readonly dueInMs?: () => number | null;
}

export interface Group<Item> {
  readonly items: readonly Item[];
  /** More waits already: the next group comes at once. */
  readonly more: boolean;
}

/**
 * Group commit as a stage: reads ahead of its consumer and hands out everything that has arrived since the last pull.
 * An idle stream therefore yields one item at once, a busy one yields large groups, and no timer is involved.
 *
 * `open` starts the upstream; its signal aborts when the consumer leaves the loop, and the upstream must then end by
 * itself (closing an async generator from outside waits for its pending read, which on an idle stream never returns).
 * Upstream's error is rethrown after the items read before it were handed out.
 *
 * What is due is not a stage of its own around this one: a race and a timer for each item would be work between the
 * arrival of a change that travels alone and its transaction.
 */
export async function* gather<Read, Item>(
  open: (signal: AbortSignal) => AsyncIterable<Read>,
  options: GatherOptions<Read, Item>,
): AsyncGenerator<Group<Item>> {
  const upstream = new AbortController();
  const queue = new GatherQueue(options);
  const reading = queue.fill(open(upstream.signal));
  try {
    while (true) {
      const group = await queue.take();
      if (group === null) return;
      yield group;
    }
  } finally {
    upstream.abort();
    queue.close();
    await reading;
  }
}

/** Slots of items that were handed out before the list is shortened: shortening moves everything that waits. */
const MAX_EMPTY_SLOTS = 4096;

class GatherQueue<Read, Item> {
  /** From `head` on what waits. Slots before it are empty, so that nothing keeps what was handed out. */
  private items: (Item | undefined)[] = [];
  private head = 0;
  private queuedBytes = 0;
  private closed = false;
  private end: { error?: unknown } | null = null;
  /** The time of `dueInMs` is over. */
  private due = false;
  private stopTimer: (() => void) | undefined;
  private readonly arrived = new Bell();
  private readonly taken = new Bell();

  constructor(private readonly options: GatherOptions<Read, Item>) {}

  async fill(upstream: AsyncIterable<Read>): Promise<void> {
    try {
      for await (const read of upstream) {
        for (const item of this.options.itemsOf(read)) {
          this.items.push(item);
          this.queuedBytes += this.options.sizeOf(item);
        }
        this.arrived.ring();
        while (this.queuedBytes > this.options.maxQueuedBytes && !this.closed) {
          await this.taken.wait();
        }
        if (this.closed) return;
      }
      this.end = {};
    } catch (error) {
      this.end = { error };
    } finally {
      this.arrived.ring();
    }
  }

  /** What has arrived, nothing when something is due first; null at the end. */
  async take(): Promise<Group<Item> | null> {
    this.due = false;
    while (this.head === this.items.length) {
      if (this.end !== null) {
        if ('error' in this.end) throw this.end.error;
        return null;
      }
      if (this.due) return { items: [], more: false };
      this.setTimer();
      await this.arrived.wait();
    }
    return this.cut();
  }

  close(): void {
    this.closed = true;
    this.stopTimer?.();
    this.taken.ring();
  }

  /** Not stopped when something arrives: by then there is something better to do, and what wakes nobody does no harm. */
  private setTimer(): void {
    this.stopTimer?.();
    const dueInMs = this.options.dueInMs?.() ?? null;
    if (dueInMs === null) return;
    this.stopTimer = callAfter(Math.max(0, dueInMs), () => {
      this.due = true;
      this.arrived.ring();
    });
  }

  private cut(): Group<Item> {
    let bytes = 0;
    let end = this.head;
    while (end < this.items.length) {
      const size = this.options.sizeOf(this.items[end] as Item);
      if (end > this.head && bytes + size > this.options.maxGroupBytes) break;
      bytes += size;
      end++;
    }
    const items = this.items.slice(this.head, end) as Item[];
    const more = end < this.items.length;
    this.queuedBytes -= bytes;
    this.forget(end);
    if (this.queuedBytes <= this.options.maxQueuedBytes) this.taken.ring();
    return { items, more };
  }

  /**
   * A queue that never runs empty shortens its list only now and then. The slots are emptied at once: while they were
   * not, 4,096 items that had been handed out stayed in memory, and items of 1 MiB took a node to 700 MiB.
   */
  private forget(end: number): void {
    this.items.fill(undefined, this.head, end);
    this.head = end;
    if (this.head < this.items.length && this.head <= MAX_EMPTY_SLOTS) return;
    this.items = this.items.slice(this.head);
    this.head = 0;
  }
}
