/**
 * The plan of which stretches of history get watchers of their own. It holds no watchers itself.
 *
 * Stretches share their borders: revision `until` of one is revision `from` of the next, so that each watcher starts at
 * a revision that was read before. etcd accepts a watcher that starts at the compacted revision, although before 3.5.20 it
 * has already lost the deletes of that revision; etcd refuses a watcher that starts one revision earlier.
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
  /** Open watchers ahead of the one in front. */
  readonly watchers: number;
  /** Bytes of memory that all stretches ahead may occupy together. */
  readonly bytes: number;
}

export const DEFAULT_READ_AHEAD: ReadAheadLimits = {
  // etcd sends a watcher that is behind so many revisions in one batch, every 100 ms (watchBatchMaxRevs). A longer stretch
  // would wait for a second batch, and a compaction in between can remove the deletes of its first revision. A shorter one
  // would waste a part of what etcd has read.
  revisions: 1_000,
  watchers: 30,
  // Enough for all 30 watchers when values have 100 bytes. Large values need fewer: one watcher reads 10,000 revisions/s.
  bytes: 16 * 1024 * 1024,
};

/** What watchers have received. */
export interface Received {
  /** The member's newest revision by the headers of the responses. Only a measure of lag, never a position. */
  readonly head: number;
  readonly revisions: number;
  /** What they occupy in memory. */
  readonly bytes: number;
}

/** The stretches that are being read, or wait to be yielded. */
export interface ReadingState {
  /** Where the last stretch ends, that of the watcher in front included. */
  readonly plannedUntil: number;
  /** Stretches ahead whose watchers are open. */
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

  /** Where a watcher that has reached `received` has to end; infinite when its next batch reaches the head. */
  endOf(received: number): number {
    const until = received + this.limits.revisions;
    return this.head > until ? until : Number.POSITIVE_INFINITY;
  }

  /** The stretch to read next; null near the head, and while watchers or bytes are used up. */
  next(state: ReadingState): Stretch | null {
    const { limits, head } = this;
    if (state.reading.length >= limits.watchers) return null;
    const from = state.plannedUntil;
    const until = from + limits.revisions - 1;
    return until <= head && this.fitsBudget(state) ? { from, until } : null;
  }

  private fitsBudget({ reading, completeBytes }: ReadingState): boolean {
    const { bytesPerRevision, limits } = this;
    if (bytesPerRevision === null) return reading.length < FIRST_STRETCHES;
    let bytes = completeBytes + limits.revisions * bytesPerRevision;
    for (const stretch of reading) bytes += Math.max(stretch.bytes, stretch.revisions * bytesPerRevision);
    return bytes <= limits.bytes;
  }
}
