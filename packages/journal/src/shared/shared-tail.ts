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
import { type Place, readFrom, Window, type WindowLimits } from './window.js';

/**
 * 1 MiB is a second of a busy source. A reader that is up to 16 MiB behind the fastest one still reads with it: the window
 * is held once for all, while readers of their own hold their records once for each. Reading 16 MiB ahead of the fastest
 * was too much: a worker with a backlog decoded all of it before its first transaction.
 */
const LIMITS: WindowLimits = { keepBytes: 1024 * 1024, aheadBytes: 256 * 1024, maxBytes: 16 * 1024 * 1024 };

/**
 * Reads a journal once for all readers whose positions are close together, because they need the same records. Fifty
 * separate readers would fetch, decode and hold everything fifty times. A reader that lags reads alone until it has caught
 * up, so that no reader waits for another.
 *
 * Everything else goes to the journal itself. A reader gets only errors of its own reading.
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
    // After a window that ended, this reader reads alone first: another window would probably end for the same reason.
    let mayOpen = true;
    while (!signal.aborted) {
      if (this.window === null && mayOpen) this.openWindow(place);
      const { window } = this;
      mayOpen = !(window?.covers(place) ?? false);
      place = window?.covers(place) ? yield* window.follow(place, signal) : yield* this.readAlone(place, signal);
    }
  }

  /**
   * Reads alone until the window covers the next record, or there is no window and this reader may open one. The window may
   * also reach this reader while no record comes: `whenMoved` ends the reading then, and `reach` asks the window to read up
   * to this reader.
   */
  private async *readAlone({ after, last: before }: Place, signal: AbortSignal): AsyncGenerator<StoredRecord, Place> {
    let last = before;
    const isCovered = () => this.window?.covers({ after, last }) ?? false;
    const alone = new Scope(signal);
    const joining = this.whenMoved(isCovered, alone);
    try {
      for await (const record of this.journal.read(readFrom({ after, last }), alone.signal)) {
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

  /** Ends a reader's own reading when the window covers its next record. */
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
    const from = readFrom(place);
    const window = new Window(place, this.limits, this.moved.ring);
    this.window = window;
    window
      .fill((signal) => this.journal.read(from, signal))
      .catch((error: unknown) =>
        this.logger.debug(
          { reason: describeError(error) },
          'the shared window of the journal ended, its readers read alone',
        ),
      )
      .finally(() => {
        if (this.window === window) this.window = null;
      });
  }
}
