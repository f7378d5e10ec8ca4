import { type OpenWatch, Segment, type SegmentObserver } from './segment.js';
import { type ReadAheadLimits, ReadAheadPlan, type Received, type Stretch } from './segments.js';

/**
 * The segments that are being read: one in front, whose revisions are handed out, and, while it is far behind, some
 * ahead of it. Near the head nothing is read ahead, and the segment in front is simply the one watcher without an end;
 * when it falls behind, it gets company again.
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

  /** The segment that goes on at `position`, the last revision that was handed out, or the first one to be. */
  next(position: number): Segment {
    const [first] = this.ahead;
    if (first !== undefined && first.from <= position) {
      this.ahead.shift();
      first.toFront();
      this.front = first;
    } else {
      // What was cut short has to be read again up to the next border.
      this.front = this.start({ from: position, until: first?.from ?? Number.POSITIVE_INFINITY }, true);
    }
    this.readAhead();
    return this.front;
  }

  /** Closes every watcher. What has arrived is dropped with this object. */
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
    // Revisions are larger than they were: the rest of it is read when it is in front.
    if (segment !== this.front && this.aheadBytes() > this.limits.bytes) segment.close();
    this.readAhead();
  }

  ended(segment: Segment): void {
    this.open.delete(segment);
    this.readAhead();
  }

  private readAhead(): void {
    const { front } = this;
    // Behind a segment that has failed nothing will be handed out.
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
