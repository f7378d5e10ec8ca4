import {
  Bell,
  describeError,
  type JournalInfo,
  type JournalReader,
  type Logger,
  type ReadFrom,
  Scope,
  type SnapshotReader,
  type StoredRecord,
} from '@tidemark/core';
import { behindPlace, type Place, Window, type WindowLimits } from './window.js';

/**
 * A megabyte is a second of a busy source; 16 MiB is what one destination may be behind the fastest one and still read
 * together with it. Held once for all, where those who lost their place hold what they read once for each. As much ahead
 * of the fastest was too much: a worker with a backlog decoded 16 MiB before its first transaction got its turn.
 */
const LIMITS: WindowLimits = { keepBytes: 1024 * 1024, aheadBytes: 256 * 1024, maxBytes: 16 * 1024 * 1024 };

/**
 * Reads a journal once for all readers that are about as far: they differ in what they do with the records, not in which
 * ones they need. Fifty readers of their own would fetch, decode and hold everything fifty times. Who is far behind, or
 * falls behind, reads alone until it has caught up, so that nobody waits for anybody.
 *
 * Everything else goes to the journal itself. Every error that a reader gets is that of its own reading.
 */
export class SharedTail implements JournalReader {
  readonly snapshots: SnapshotReader;
  private window: Window | null = null;
  /** Rung when there is more in the window. */
  private readonly moved = new Bell();

  constructor(
    private readonly journal: JournalReader,
    private readonly logger: Logger,
    private readonly limits = LIMITS,
  ) {
    this.snapshots = journal.snapshots;
  }

  async *read(from: ReadFrom, signal: AbortSignal): AsyncGenerator<StoredRecord> {
    if (from === 'oldest') {
      yield* this.journal.read(from, signal);
      return;
    }
    let place: Place = { after: from.after, last: null };
    // Where the window ended, another one would most likely end for the same reason: the reader's own reading tells.
    let mayOpen = true;
    while (!signal.aborted) {
      if (this.window === null && mayOpen) this.openWindow(place);
      const { window } = this;
      mayOpen = !(window?.covers(place) ?? false);
      place = window?.covers(place) ? yield* window.follow(place, signal) : yield* this.readAlone(place, signal);
    }
  }

  /**
   * Until the window covers what comes next, or there is none and this reader may open one. Of two readings either may be
   * further on, so both are looked at: a reader that was handed the newest record before the window reads alone until the
   * window has it too, which needs no other one to come.
   */
  private async *readAlone({ after, last: before }: Place, signal: AbortSignal): AsyncGenerator<StoredRecord, Place> {
    let last = before;
    const isCovered = () => this.window?.covers({ after, last }) ?? false;
    const alone = new Scope(signal);
    const joining = this.whenMoved(isCovered, alone);
    try {
      for await (const record of this.journal.read(behindPlace({ after, last }), alone.signal)) {
        last = record;
        yield record;
        if (this.window === null || isCovered()) break;
        this.window.reach(record);
      }
    } finally {
      alone.end();
      await joining;
    }
    return { after, last };
  }

  /** Ends a reader's own reading when the window covers what comes next. */
  private async whenMoved(isCovered: () => boolean, alone: Scope): Promise<void> {
    while (!alone.signal.aborted) {
      await this.moved.wait(alone.signal);
      if (isCovered()) alone.end();
    }
  }

  open(signal: AbortSignal): Promise<void> {
    return this.journal.open(signal);
  }

  info(signal: AbortSignal): Promise<JournalInfo> {
    return this.journal.info(signal);
  }

  private openWindow(place: Place): void {
    const from = behindPlace(place);
    const window = new Window(place, this.limits, this.moved.ring);
    this.window = window;
    window
      .fill((signal) => this.journal.read(from, signal))
      .catch((error: unknown) => this.logger.debug({ reason: describeError(error) }, 'readers of the journal part'))
      .finally(() => {
        if (this.window === window) this.window = null;
      });
  }
}
