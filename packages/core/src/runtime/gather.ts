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
   * Called before each wait: in so many milliseconds the consumer has something to do, and gets an empty group if nothing
   * arrives before. Null, or no function: the consumer only waits for items.
   */
  readonly dueInMs?: () => number | null;
}

export interface Group<Item> {
  readonly items: readonly Item[];
  /** Whether more items are waiting already: the next group comes at once. */
  readonly more: boolean;
}

/**
 * Group commit: reads ahead of its consumer and yields everything that has arrived since the last pull. A single item is
 * yielded at once; items that arrive while the consumer is busy form one large group. Grouping needs no timer.
 *
 * `open` starts the upstream. Its signal aborts when the consumer leaves the loop, and the upstream has to end then by
 * itself: closing an async generator from outside waits for its pending read, which never returns on an idle stream. An
 * error of the upstream is thrown after all items before it were yielded.
 *
 * `dueInMs` is part of this stage for latency: a stage around it would need a race and a timer for each single item.
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

/** Empty slots at the front before the list is shortened: shortening moves all waiting items. */
const MAX_EMPTY_SLOTS = 4096;

class GatherQueue<Read, Item> {
  /** Waiting items, from `head` on. Slots before it are empty, so that yielded items can be freed. */
  private items: (Item | undefined)[] = [];
  private head = 0;
  private queuedBytes = 0;
  private closed = false;
  private end: { error?: unknown } | null = null;
  /** The time that `dueInMs` gave is over. */
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

  /** The items that have arrived, no items when `dueInMs` is over first, null at the end. */
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

  /** A timer that is still running when items arrive is harmless: its ring wakes nobody. Stopping it would cost time. */
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
   * Empties the slots at once, and shortens the list of a queue that never runs empty only now and then. Without the
   * emptying, 4,096 yielded items stayed in memory: items of 1 MiB took a node to 700 MiB.
   */
  private forget(end: number): void {
    this.items.fill(undefined, this.head, end);
    this.head = end;
    if (this.head < this.items.length && this.head <= MAX_EMPTY_SLOTS) return;
    this.items = this.items.slice(this.head);
    this.head = 0;
  }
}
