import { type Entry, entryBytes } from '@tidemark/core';

const MAX_ENTRIES = 1_024;
const MAX_BYTES = 4 * 1024 * 1024;

/**
 * The last entries of an unbroken sequence, to compare repeats with. Bounded by count and bytes. The newest is always kept,
 * whatever its size, because the next watcher begins with it.
 */
export class RecentEntries {
  /** A ring: the slot of an entry is its revision modulo the length. */
  private readonly ring: (Entry | null)[] = new Array<Entry | null>(MAX_ENTRIES).fill(null);
  /** Bytes of each slot. Counting an old entry again would touch memory that is no longer in the processor's cache. */
  private readonly sizes = new Float64Array(MAX_ENTRIES);
  private bytes = 0;
  private oldest = 0;

  add(entry: Entry): void {
    const slot = entry.revision % MAX_ENTRIES;
    this.drop(slot);
    const size = entryBytes(entry);
    this.ring[slot] = entry;
    this.sizes[slot] = size;
    this.bytes += size;
    this.oldest = Math.max(this.oldest, entry.revision - MAX_ENTRIES + 1);
    while (this.bytes > MAX_BYTES && this.oldest < entry.revision) {
      this.drop(this.oldest % MAX_ENTRIES);
      this.oldest++;
    }
  }

  get(revision: number): Entry | null {
    const entry = this.ring[revision % MAX_ENTRIES] ?? null;
    return entry?.revision === revision ? entry : null;
  }

  private drop(slot: number): void {
    this.bytes -= this.sizes[slot] ?? 0;
    this.sizes[slot] = 0;
    this.ring[slot] = null;
  }
}
