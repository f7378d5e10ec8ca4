import { type OpenWatch, Segment, type SegmentObserver } from './segment.js';
import { type ReadAheadLimits, ReadAheadPlan, type Received, type Stretch } from './segments.js';

/**
 * The segments that are being read: one in front, whose revisions are yielded, and, while it lags far behind the head, some
 * ahead of it. Near the head nothing is read ahead, and the segment in front is one watcher without an end.
 */
export class CatchUp implements SegmentObserver {
  private front: Segment | null = null;
  private readonly ahead: Segment[] = [];
  /** Segments whose watchers may still be open. */
  private readonly open = new Set<Segment>();
  private readonly plan: ReadAheadPlan;
  private stopped = false;

  constructor(
    private readonly openWatch: OpenWatch,
    private readonly limits: ReadAheadLimits,
  ) {
    this.plan = new ReadAheadPlan(limits);
  }

  /** The segment that continues at `position`: the last revision that was yielded, or the first one to yield. */
  next(position: number): Segment {
    const [first] = this.ahead;
    if (first !== undefined && first.from <= position) {
      this.ahead.shift();
      first.toFront();
      this.front = first;
    } else {
      // The rest of a segment that was cut short is read again, up to the next border.
      this.front = this.start({ from: position, until: first?.from ?? Number.POSITIVE_INFINITY }, true);
    }
    this.readAhead();
    return this.front;
  }

  /** Closes every watcher. Responses that have arrived are dropped. */
  stop(): void {
    this.stopped = true;
    for (const segment of this.open) segment.close();
  }

  /** Resolves when every watcher is closed. */
  async closed(): Promise<void> {
    await Promise.all([...this.open].map(({ closed }) => closed));
  }

  received(segment: Segment, received: Received): void {
    this.plan.learn(received);
    // Revisions have become larger: the rest of this segment is read when it is in front.
    if (segment !== this.front && this.aheadBytes() > this.limits.bytes) segment.close();
    this.readAhead();
  }

  ended(segment: Segment): void {
    this.open.delete(segment);
    this.readAhead();
  }

  private readAhead(): void {
    const { front } = this;
    // Nothing after a failed segment will be yielded.
    if (front === null || this.stopped || this.ahead.some(({ failure }) => failure !== null)) return;
    if (front.until === Number.POSITIVE_INFINITY) front.endAt(this.plan.endOf(front.received));
    for (let stretch = this.nextStretch(front); stretch !== null; stretch = this.nextStretch(front)) {
      this.ahead.push(this.start(stretch, false));
    }
  }

  private nextStretch(front: Segment): Stretch | null {
    const { ahead } = this;
    return this.plan.next({
      plannedUntil: (ahead.at(-1) ?? front).until,
      reading: ahead
        .filter(({ ended }) => !ended)
        .map(({ from, until, bytes }) => ({ revisions: until - from + 1, bytes })),
      completeBytes: ahead.reduce((sum, { ended, bytes }) => (ended ? sum + bytes : sum), 0),
    });
  }

  private start(stretch: Stretch, inFront: boolean): Segment {
    const segment = new Segment({ ...stretch, open: this.openWatch, observer: this, inFront });
    this.open.add(segment);
    return segment;
  }

  private aheadBytes(): number {
    return this.ahead.reduce((sum, { bytes }) => sum + bytes, 0);
  }
}
