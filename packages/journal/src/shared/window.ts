import { Bell, comparePositions, type Position, type ReadFrom, Scope, type StoredRecord } from '@tidemark/core';
import { positionOf } from '../chain/chain.js';

/** The place of a reader in the journal. */
export interface Place {
  /** The position after which it began. */
  readonly after: Position;
  /** The last record that it got, null when there was none yet. */
  readonly last: StoredRecord | null;
}

export interface WindowLimits {
  /** Records that all readers have read are kept up to this many bytes, so that others can join. */
  readonly keepBytes: number;
  /** Bytes that are read ahead of the fastest reader. */
  readonly aheadBytes: number;
  /** The most that is kept; a reader that is further behind reads alone. */
  readonly maxBytes: number;
}

interface Reader {
  /** Number of the record it takes next, counted from where the window was opened. */
  next: number;
  /** Bytes up to there, counted likewise. */
  takenBytes: number;
}

/**
 * The stretch of the journal that was read last, for any number of readers. It is read a little ahead of the fastest
 * reader. A slow one never delays it: it falls out when the window moves on.
 */
export class Window {
  private records: StoredRecord[] = [];
  /** Number of the first record that is kept, counted from where the window was opened. */
  private first = 0;
  private bytes = 0;
  /** Bytes of all records that were ever in the window. */
  private readBytes = 0;
  /** All records after this place are in the window, or still to come. */
  private floor: Place;
  private over = false;
  /** The highest sequence that a reader outside of the window has reached. */
  private reached = 0;
  private readonly readers = new Set<Reader>();
  private readonly arrived = new Bell();
  private readonly taken = new Bell();
  private readonly closing = new AbortController();

  /**
   * @param begin the place of the reader for whom it is opened
   * @param moved called when there is more in it
   */
  constructor(
    begin: Place,
    private readonly limits: WindowLimits,
    private readonly moved: () => void = () => undefined,
  ) {
    this.floor = begin;
  }

  /** Reads until no reader is left, or reading fails: the readers then continue alone, and get the error themselves. */
  async fill(open: (signal: AbortSignal) => AsyncIterable<StoredRecord>): Promise<void> {
    const scope = new Scope(this.closing.signal);
    try {
      for await (const record of open(scope.signal)) {
        // The journal lost acknowledged records and is read from an earlier place: one window cannot hold both histories.
        if (record.sequence <= (this.records.at(-1)?.sequence ?? 0)) return;
        this.add(record);
        while (this.isFarAhead(record) && !this.closing.signal.aborted) await this.taken.wait();
      }
    } finally {
      scope.end();
      this.over = true;
      this.arrived.ring();
    }
  }

  /**
   * Whether a reader can continue in this window. The window must hold the very record that the reader got last; a higher
   * sequence is not enough. That record may be from a suffix that the journal has lost since, and the records in its place
   * may have lower sequences: a reader that waited for its own record would wait for ever.
   */
  covers({ after, last }: Place): boolean {
    if (this.over) return false;
    if (last === null) return comparePositions(after, positionIn(this.floor)) >= 0;
    return this.indexOf(last) >= 0 || (this.floor.last !== null && isSame(this.floor.last, last));
  }

  /**
   * A reader outside of the window got this record. The window reads up to it without waiting for its own, possibly slow,
   * readers, so that the other one can join.
   */
  reach({ sequence }: StoredRecord): void {
    if (sequence <= this.reached) return;
    this.reached = sequence;
    this.taken.ring();
  }

  /** The records after a place that is covered, until it is no longer covered or `signal` aborts. Returns the last place. */
  async *follow(place: Place, signal: AbortSignal): AsyncGenerator<StoredRecord, Place> {
    const { after } = place;
    let { last } = place;
    const isNext = last === null ? beginsAfter(after) : () => true;
    const reader = this.join(last === null ? 0 : this.indexOf(last) + 1);
    try {
      while (!signal.aborted && reader.next >= this.first) {
        const record = this.records[reader.next - this.first];
        if (record === undefined) {
          if (this.over) break;
          await this.arrived.wait(signal);
          continue;
        }
        reader.next++;
        reader.takenBytes += record.bytes;
        this.taken.ring();
        if (!isNext(record)) continue;
        last = record;
        yield record;
      }
      return { after, last };
    } finally {
      this.readers.delete(reader);
      if (this.readers.size === 0) this.close();
      this.taken.ring();
    }
  }

  private join(index: number): Reader {
    const ahead = this.records.slice(index).reduce((sum, { bytes }) => sum + bytes, 0);
    const reader = { next: this.first + index, takenBytes: this.readBytes - ahead };
    this.readers.add(reader);
    this.taken.ring();
    return reader;
  }

  private close(): void {
    this.over = true;
    this.closing.abort();
  }

  private add(record: StoredRecord): void {
    this.records.push(record);
    this.bytes += record.bytes;
    this.readBytes += record.bytes;
    const slowest = Math.min(...[...this.readers].map(({ next }) => next));
    while (this.bytes > this.limits.keepBytes && this.records.length > 1) {
      const oldest = this.records[0];
      const isNeeded = this.first >= slowest && this.bytes <= this.limits.maxBytes;
      if (oldest === undefined || isNeeded) break;
      this.records.shift();
      this.first++;
      this.bytes -= oldest.bytes;
      this.floor = { ...this.floor, last: oldest };
    }
    this.arrived.ring();
    this.moved();
  }

  private isFarAhead({ sequence }: StoredRecord): boolean {
    return sequence >= this.reached && this.untakenBytes() > this.limits.aheadBytes;
  }

  /** Bytes that no reader has taken yet. */
  private untakenBytes(): number {
    return this.readBytes - Math.max(0, ...[...this.readers].map(({ takenBytes }) => takenBytes));
  }

  /** -1 when it is not in the window. */
  private indexOf(record: StoredRecord): number {
    const [oldest, newest] = [this.records[0], this.records.at(-1)];
    if (oldest === undefined || newest === undefined) return -1;
    // Called for each record of a reader outside of the window, so it must be cheap.
    if (record.sequence < oldest.sequence || record.sequence > newest.sequence) return -1;
    return this.records.findIndex((kept) => isSame(kept, record));
  }
}

/** Whether a record is one of the next ones for a reader that has got none yet. */
function beginsAfter(after: Position): (record: StoredRecord) => boolean {
  let begun = false;
  return ({ record }) => {
    begun ||= comparePositions(positionOf(record), after) > 0;
    return begun;
  };
}

/** Where a reader at this place continues. */
export function readFrom(place: Place): Exclude<ReadFrom, 'oldest'> {
  const after = positionIn(place);
  return place.last === null ? { after } : { after, near: place.last.sequence };
}

function positionIn({ after, last }: Place): Position {
  return last === null ? after : positionOf(last.record);
}

/** Whether both are the same record: another one may have got its sequence. */
function isSame(a: StoredRecord, b: StoredRecord): boolean {
  if (a === b) return true;
  const [one, other] = [a.record, b.record];
  return (
    a.sequence === b.sequence &&
    one.kind === other.kind &&
    one.term === other.term &&
    one.time === other.time &&
    comparePositions(positionOf(one), positionOf(other)) === 0
  );
}
