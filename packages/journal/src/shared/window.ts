import { Bell, comparePositions, type Position, type ReadFrom, Scope, type StoredRecord } from '@tidemark/core';
import { positionOf } from '../chain.js';

/** How far a reader has come. */
export interface Place {
  /** Where it began. */
  readonly after: Position;
  /** The last record it was handed, null when there was none yet. */
  readonly last: StoredRecord | null;
}

export interface WindowLimits {
  /** Records that everybody has read are kept up to this many bytes, so that others can join. */
  readonly keepBytes: number;
  /** Read ahead of the fastest reader. */
  readonly aheadBytes: number;
  /** All that is kept; who is further behind than this reads alone. */
  readonly maxBytes: number;
}

interface Reader {
  /** Number of the record it takes next, counted from where the window was opened. */
  next: number;
  /** Bytes up to there, counted likewise. */
  takenBytes: number;
}

/**
 * The stretch of the journal that was read last, for any number of readers. It is read a little ahead of the fastest of
 * them; the others lose their place when it moves on without them, and never slow it down.
 */
export class Window {
  private records: StoredRecord[] = [];
  /** Records that were let go: the number of the first one kept, counted from where the window was opened. */
  private first = 0;
  private bytes = 0;
  /** Of all records that were ever in the window. */
  private readBytes = 0;
  /** Everything behind this place is in the window, or still to come. */
  private floor: Place;
  private over = false;
  private readonly readers = new Set<Reader>();
  private readonly arrived = new Bell();
  private readonly taken = new Bell();
  private readonly closing = new AbortController();

  /** @param begin the place of the reader for whom it is opened */
  constructor(
    begin: Place,
    private readonly limits: WindowLimits,
  ) {
    this.floor = begin;
  }

  /** Reads until nobody follows any more, or reading fails: then those who follow read on alone, and see why. */
  async fill(open: (signal: AbortSignal) => AsyncIterable<StoredRecord>): Promise<void> {
    const scope = new Scope(this.closing.signal);
    try {
      for await (const record of open(scope.signal)) {
        // The journal lost what it had acknowledged, and is read from an earlier place: no window onto both.
        if (record.sequence <= (this.records.at(-1)?.sequence ?? 0)) return;
        this.add(record);
        while (this.untakenBytes() > this.limits.aheadBytes && !this.closing.signal.aborted) {
          await this.taken.wait();
        }
      }
    } finally {
      scope.end();
      this.over = true;
      this.arrived.ring();
    }
  }

  /** Whether a reader can go on here. */
  covers({ after, last }: Place): boolean {
    if (this.over) return false;
    if (last === null) return comparePositions(after, positionIn(this.floor)) >= 0;
    return this.isAhead(last) || this.indexOf(last) >= 0 || (this.floor.last !== null && isSame(this.floor.last, last));
  }

  /** The records behind a place that is covered, until it is covered no more or `signal` aborts. Returns the place then. */
  async *follow(place: Place, signal: AbortSignal): AsyncGenerator<StoredRecord, Place> {
    const { after } = place;
    let { last } = place;
    const sort = last === null ? sorterAfter(after) : this.isAhead(last) ? sorterAhead(last) : () => 'next';
    const reader = this.join(this.indexAfter(last));
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
        const sorted = sort(record);
        if (sorted === 'lost') break;
        if (sorted === 'had') continue;
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
  }

  /** Bytes that nobody has taken yet. */
  private untakenBytes(): number {
    return this.readBytes - Math.max(0, ...[...this.readers].map(({ takenBytes }) => takenBytes));
  }

  /**
   * Whether it is a record that the window has still to read, as far as can be told before it does. Who read alone may be
   * handed the newest record before the window is, and would read alone for as long as no other one comes.
   */
  private isAhead(last: StoredRecord): boolean {
    const newest = this.records.at(-1) ?? this.floor.last;
    if (newest !== null) return last.sequence > newest.sequence;
    return comparePositions(positionOf(last.record), this.floor.after) > 0;
  }

  /** Of the first record that a reader needs who was handed `last`. */
  private indexAfter(last: StoredRecord | null): number {
    if (last === null) return 0;
    return this.isAhead(last) ? this.records.length : this.indexOf(last) + 1;
  }

  /** -1 when it is not here. */
  private indexOf(record: StoredRecord): number {
    return this.records.findIndex((kept) => isSame(kept, record));
  }
}

/** What a record is to a reader: handed to it already, its next one, or a sign that it has lost its place. */
type Sorter = (record: StoredRecord) => 'had' | 'next' | 'lost';

/** For a reader that was handed nothing yet. */
function sorterAfter(after: Position): Sorter {
  let begun = false;
  return ({ record }) => {
    begun ||= comparePositions(positionOf(record), after) > 0;
    return begun ? 'next' : 'had';
  };
}

/** For a reader ahead of the window: up to `last` it had everything, provided that the window's journal has `last` too. */
function sorterAhead(last: StoredRecord): Sorter {
  let reached = false;
  return (record) => {
    if (reached) return 'next';
    reached = isSame(record, last);
    if (reached) return 'had';
    const precedes =
      record.sequence < last.sequence && comparePositions(positionOf(record.record), positionOf(last.record)) <= 0;
    return precedes ? 'had' : 'lost';
  };
}

/** Where a reader at this place goes on. */
export function behindPlace(place: Place): Exclude<ReadFrom, 'oldest'> {
  const after = positionIn(place);
  return place.last === null ? { after } : { after, near: place.last.sequence };
}

function positionIn({ after, last }: Place): Position {
  return last === null ? after : positionOf(last.record);
}

/** Whether it is the very record: another one may have got its sequence. */
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
