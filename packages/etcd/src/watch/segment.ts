import { Bell } from '@tidemark/core';
import type { RevisionRun, WatchResponse } from '../wire/responses.js';
import type { Received, Stretch } from './segments.js';

/** Opens one watcher over the full keyspace; ends quietly when `signal` aborts. */
export type OpenWatch = (startRevision: number, signal: AbortSignal) => AsyncIterable<readonly WatchResponse[]>;

/** Observes a segment's watcher, synchronously. */
export interface SegmentObserver {
  received(segment: Segment, received: Received): void;
  ended(segment: Segment): void;
}

export interface SegmentOptions extends Stretch {
  readonly open: OpenWatch;
  readonly observer: SegmentObserver;
  /** The segment in front is yielded while it is read: its watcher waits for `take`. Others read until they are complete. */
  readonly inFront: boolean;
}

/** Heap that a decoded change occupies besides its bytes on the wire: two views, their owner, its place in a list. */
const CHANGE_OVERHEAD_BYTES = 400;

/** What a response occupies in memory, near enough for limits. */
function heldBytes(response: WatchResponse): number {
  let changes = 0;
  for (const run of response.runs) changes += run.changes.length;
  return response.bytes + changes * CHANGE_OVERHEAD_BYTES;
}

/**
 * One stretch of history and the watcher that reads it. The watcher is closed as soon as the last revision has arrived
 * whole. Until then its responses are read at once: etcd before 3.4.31 and 3.5.13 can silently skip events of a watcher that
 * is not read while history is compacted (etcd #17529). Only the segment in front waits for its reader, and loses its
 * stream when that takes too long.
 */
export class Segment {
  readonly from: number;
  /** Newest revision that has begun to arrive. */
  received: number;
  /** Memory of the responses that wait for `take`, bytes. */
  bytes = 0;
  complete = false;
  ended = false;
  failure: unknown = null;
  /** Resolves when the watcher is closed; never rejects. */
  readonly closed: Promise<void>;
  private items: WatchResponse[] = [];
  private lastRevision: number;
  private inFront: boolean;
  private readonly stop = new AbortController();
  private readonly arrived = new Bell();
  private readonly taken = new Bell();

  constructor(private readonly options: SegmentOptions) {
    this.from = options.from;
    this.received = options.from - 1;
    this.lastRevision = options.until;
    this.inFront = options.inFront;
    this.closed = this.read();
  }

  /** Last revision, inclusive; infinite while no other segment follows. */
  get until(): number {
    return this.lastRevision;
  }

  /** Ends it where the next one begins. Nothing after `revision` may have been received. */
  endAt(revision: number): void {
    this.lastRevision = revision;
  }

  toFront(): void {
    this.inFront = true;
  }

  /** Closes the watcher; responses that have arrived can still be taken. */
  close(): void {
    this.stop.abort();
    this.taken.ring();
  }

  /**
   * All that has arrived, cut to the segment's revisions, or null when there is nothing more; waits for one or the other.
   * @throws what ended the watcher before its last revision
   */
  async take(): Promise<readonly WatchResponse[] | null> {
    while (this.items.length === 0) {
      if (this.ended) {
        if (this.failure !== null) throw this.failure;
        return null;
      }
      await this.arrived.wait();
    }
    const { items } = this;
    this.items = [];
    this.bytes = 0;
    this.taken.ring();
    return items;
  }

  private async read(): Promise<void> {
    const { open, observer } = this.options;
    try {
      for await (const responses of open(this.from, this.stop.signal)) {
        const received = this.acceptAll(responses);
        if (this.items.length > 0) this.arrived.ring();
        observer.received(this, received);
        while (this.inFront && this.items.length > 0 && !this.done) await this.taken.wait();
        if (this.done) break;
      }
    } catch (error) {
      this.failure = error;
    }
    this.ended = true;
    this.arrived.ring();
    observer.ended(this);
  }

  private get done(): boolean {
    return this.complete || this.stop.signal.aborted;
  }

  private acceptAll(responses: readonly WatchResponse[]): Received {
    let head = 0;
    let revisions = 0;
    let bytes = 0;
    for (const response of responses) {
      const held = heldBytes(response);
      head = Math.max(head, response.headerRevision);
      revisions += response.runs.length;
      bytes += held;
      if (!this.complete) this.accept(response, held);
    }
    return { head, revisions, bytes };
  }

  private accept(response: WatchResponse, held: number): void {
    const { until } = this;
    const newest = response.runs.at(-1)?.revision ?? 0;
    this.received = Math.max(this.received, newest);
    this.complete = newest > until || (newest === until && !response.fragment);
    this.items.push(within(response, this));
    // Views keep their whole message alive.
    this.bytes += held;
  }
}

/**
 * The response without the revisions of other segments. There may be some before `from`: before 3.4.38 and 3.5.22 a watch on
 * a future revision is also sent older events (etcd #19487).
 */
function within(response: WatchResponse, { from, until }: Stretch): WatchResponse {
  const outside = (run: RevisionRun) => run.revision < from || run.revision > until;
  if (!response.runs.some(outside)) return response;
  const runs = response.runs.filter((run) => !outside(run));
  // A revision is whole when a later one follows it.
  const cut = (response.runs.at(-1)?.revision ?? 0) > until;
  // A header without events looks like the answer to a progress request; 0 makes it harmless.
  const headerRevision = runs.length > 0 ? response.headerRevision : 0;
  return { ...response, runs, headerRevision, fragment: response.fragment && !cut };
}
