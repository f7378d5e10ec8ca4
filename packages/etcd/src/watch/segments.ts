/**
 * Which stretches of history to read with watchers of their own: the plan alone, without watchers.
 *
 * Stretches share their borders: revision `until` of one is revision `from` of the next, so that each watcher starts at
 * a revision that was read before. etcd accepts a watcher that starts at the revision up to which history is compacted,
 * and before 3.5.20 the deletes of that very revision are gone by then; a watcher that starts one earlier is refused.
 */
export interface Stretch {
  /** First revision, inclusive. */
  readonly from: number;
  /** Last revision, inclusive. */
  readonly until: number;
}

export interface ReadAheadLimits {
  /** Revisions of a stretch, borders included: 2 at least. */
  readonly revisions: number;
  /** Watchers under way ahead of the one in front. */
  readonly watchers: number;
  /** Bytes of memory that all stretches ahead may occupy together. */
  readonly bytes: number;
}

export const DEFAULT_READ_AHEAD: ReadAheadLimits = {
  // What etcd sends a watcher that is behind in one go, once per 100 ms (watchBatchMaxRevs). A longer stretch would wait
  // once more, and would take a second batch, whose first revision a compaction can have robbed of its deletes. A
  // shorter one would throw away what etcd has read for it.
  revisions: 1_000,
  watchers: 30,
  // All 30 at a time when values have 100 bytes. Large values gain little by it: one watcher brings 10,000 revisions/s.
  bytes: 16 * 1024 * 1024,
};

/** What watchers have received. */
export interface Received {
  /** The member's newest revision, as far as the headers of the responses tell: a distance, never a position. */
  readonly head: number;
  readonly revisions: number;
  /** What they occupy in memory. */
  readonly bytes: number;
}

/** What is being read, or waits to be handed out. */
export interface ReadingState {
  /** Where the last stretch ends, with that of the watcher in front among them. */
  readonly plannedUntil: number;
  /** Stretches ahead whose watchers are under way. */
  readonly reading: readonly { readonly revisions: number; readonly bytes: number }[];
  /** Bytes held by stretches ahead that are complete. */
  readonly completeBytes: number;
}

/** Before anything is known of the sizes, this many stretches are read ahead. */
const FIRST_STRETCHES = 2;
/** Weight of the newest sample when sizes become smaller; when they grow, it counts alone. */
const SHRINK_WEIGHT = 1 / 8;

/** Decides when the next stretch is read ahead. Knows the head and the usual size of a revision from what was received. */
export class ReadAheadPlan {
  private head = 0;
  private bytesPerRevision: number | null = null;

  constructor(private readonly limits: ReadAheadLimits) {}

  learn({ head, revisions, bytes }: Received): void {
    this.head = Math.max(this.head, head);
    if (revisions === 0) return;
    const sample = bytes / revisions;
    const usual = this.bytesPerRevision ?? sample;
    this.bytesPerRevision = Math.max(sample, usual + (sample - usual) * SHRINK_WEIGHT);
  }

  /** Where a watcher that has come to `received` is to end; infinite when its next batch brings it to the head. */
  endOf(received: number): number {
    const until = received + this.limits.revisions;
    return this.head > until ? until : Number.POSITIVE_INFINITY;
  }

  /** The stretch to be read next, or null as long as there is no need, or no room. */
  next(state: ReadingState): Stretch | null {
    const { limits, head } = this;
    if (state.reading.length >= limits.watchers) return null;
    const from = state.plannedUntil;
    const until = from + limits.revisions - 1;
    return until <= head && this.hasRoom(state) ? { from, until } : null;
  }

  private hasRoom({ reading, completeBytes }: ReadingState): boolean {
    const { bytesPerRevision, limits } = this;
    if (bytesPerRevision === null) return reading.length < FIRST_STRETCHES;
    let bytes = completeBytes + limits.revisions * bytesPerRevision;
    for (const stretch of reading) bytes += Math.max(stretch.bytes, stretch.revisions * bytesPerRevision);
    return bytes <= limits.bytes;
  }
}
