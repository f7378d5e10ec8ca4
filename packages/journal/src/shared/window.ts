import { Bell, comparePositions, type Position, type ReadFrom, Scope, type StoredRecord } from '@tidemark/core';
import { positionOf } from '../chain/chain.js';

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
  /** The highest sequence that somebody was handed who reads alone. */
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

  /** Reads until nobody follows any more, or reading fails: then those who follow read on alone, and see why. */
  async fill(open: (signal: AbortSignal) => AsyncIterable<StoredRecord>): Promise<void> {
    const scope = new Scope(this.closing.signal);
    try {
      for await (const record of open(scope.signal)) {
        // The journal lost what it had acknowledged, and is read from an earlier place: no window onto both.
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
   * Whether a reader can go on here. Who was handed a record needs the very one in the window: a higher sequence does not
   * make him further on. It may be of a stretch that the journal has lost since, and what came in its place lies before
   * it, or in the window already; whoever waited here for his record waited for what never comes.
   */
  covers({ after, last }: Place): boolean {
    if (this.over) return false;
    if (last === null) return comparePositions(after, positionIn(this.floor)) >= 0;
    return this.indexOf(last) >= 0 || (this.floor.last !== null && isSame(this.floor.last, last));
  }

  /**
   * Somebody was handed a record alone. As soon as it is here he can go on here: it is read without a wait for the readers
   * that the window has, who may all be slow.
   */
  reach({ sequence }: StoredRecord): void {
    if (sequence <= this.reached) return;
    this.reached = sequence;
    this.taken.ring();
  }

  /** The records behind a place that is covered, until it is covered no more or `signal` aborts. Returns the place then. */
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

  /** Bytes that nobody has taken yet. */
  private untakenBytes(): number {
    return this.readBytes - Math.max(0, ...[...this.readers].map(({ takenBytes }) => takenBytes));
  }

  /** -1 when it is not here. */
  private indexOf(record: StoredRecord): number {
    const [oldest, newest] = [this.records[0], this.records.at(-1)];
    if (oldest === undefined || newest === undefined) return -1;
    // Asked at each record by readers that are far from here.
    if (record.sequence < oldest.sequence || record.sequence > newest.sequence) return -1;
    return this.records.findIndex((kept) => isSame(kept, record));
  }
}

/** What comes next for a reader that was handed nothing yet. */
function beginsAfter(after: Position): (record: StoredRecord) => boolean {
  let begun = false;
  return ({ record }) => {
    begun ||= comparePositions(positionOf(record), after) > 0;
    return begun;
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
