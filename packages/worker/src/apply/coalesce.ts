import { type ApplyLimits, type Write, writeBytes } from '@tidemark/core';

/** One transaction's worth: whole source revisions, the last write of each key. */
export interface Batch {
  readonly writes: readonly Write[];
  /** The last source revision it covers. */
  readonly revision: number;
  /** Time of the oldest record in it, milliseconds since the epoch. */
  readonly time: number;
}

/**
 * Collects whole source revisions into as few transactions as the destination's limits allow. Within a transaction only
 * the last write of a key counts (etcd refuses two puts of one key in one transaction): every state the destination
 * shows is the state after some whole source revision.
 */
export class Coalescer {
  private readonly writes = new Map<string, Write>();
  private bytes = 0;
  private revision: number | null = null;
  private time = 0;

  constructor(private readonly limits: ApplyLimits) {}

  /**
   * Adds what a revision means; returns the batch that had to be closed because it did not fit any more, or null. A
   * single revision beyond the limits becomes a batch of its own, larger than they allow: the caller splits it.
   */
  add(revision: number, mapped: readonly Write[], time: number): Batch | null {
    let bytes = 0;
    for (const write of mapped) bytes += writeBytes(write);
    const fits =
      this.writes.size + mapped.length <= this.limits.maxWrites && this.bytes + bytes <= this.limits.maxBytes;
    const closed = fits ? null : this.take();
    for (const write of mapped) this.put(write);
    if (this.revision === null) this.time = time;
    this.revision = revision;
    return closed;
  }

  /** Everything collected so far, or null when there is nothing, not even a revision without writes. */
  take(): Batch | null {
    if (this.revision === null) return null;
    const batch = { writes: [...this.writes.values()], revision: this.revision, time: this.time };
    this.writes.clear();
    this.bytes = 0;
    this.revision = null;
    return batch;
  }

  private put(write: Write): void {
    const name = write.key.toString('latin1');
    const earlier = this.writes.get(name);
    if (earlier !== undefined) this.bytes -= writeBytes(earlier);
    this.writes.set(name, write);
    this.bytes += writeBytes(write);
  }
}
