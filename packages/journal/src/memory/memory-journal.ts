import {
  type Clock,
  InvariantError,
  type Journal,
  type JournalHead,
  type JournalInfo,
  type JournalWriter,
  type Position,
  type ReadFrom,
  type RecordDraft,
  type SnapshotStore,
  type StoredRecord,
  systemClock,
} from '@tidemark/core';
import { type ChainPoint, completeDraft, pointAfter } from '../chain/chain.js';
import { Cursor, positionLost } from '../chain/cursor.js';
import { assertNotOlder, readEnds, readHead } from '../chain/ends.js';
import { locate } from '../chain/locate.js';
import { frameRecord } from '../format/frame.js';
import { BucketSnapshotStore } from '../snapshots/store.js';
import { MemoryStream } from './memory-stream.js';

/**
 * A journal in memory for tests: same format, chain, fencing, search and snapshots, without a server. Several journals may
 * share one stream, as several nodes share one NATS.
 */
export class MemoryJournal implements Journal {
  readonly snapshots: SnapshotStore;

  constructor(
    readonly stream: MemoryStream = new MemoryStream(),
    private readonly clock: Clock = systemClock,
  ) {
    this.snapshots = new BucketSnapshotStore(stream.bucket);
  }

  async open(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
  }

  async info(signal: AbortSignal): Promise<JournalInfo> {
    signal.throwIfAborted();
    const bounds = this.stream.bounds();
    const { firstSequence, lastSequence, bytes } = bounds;
    const ends = await readEnds(this.stream, bounds);
    return { id: this.stream.id, firstSequence, lastSequence, bytes, deviations: [], ...ends };
  }

  async head(signal: AbortSignal): Promise<JournalHead> {
    signal.throwIfAborted();
    return readHead(this.stream, this.stream.bounds());
  }

  async takeOver(head: JournalHead, term: number, node: string, signal: AbortSignal): Promise<JournalWriter> {
    signal.throwIfAborted();
    assertNotOlder(head, term);
    const writer = new MemoryWriter({ stream: this.stream, head, term, clock: this.clock });
    if (head.last !== null) {
      const { position } = head.last;
      await writer.append({ kind: 'term', node, ...position });
    }
    return writer;
  }

  async *read(from: ReadFrom, signal: AbortSignal): AsyncGenerator<StoredRecord> {
    let cursor = await this.start(from);
    while (!signal.aborted) {
      const { losses } = this.stream;
      cursor = await this.recognised(cursor, from);
      // The stream lost messages during the check: the cursor may be at one of those.
      if (losses !== this.stream.losses) continue;
      const message = this.stream.at(cursor.next);
      const record = message && cursor.take(message);
      if (record !== null) yield record;
      else if (message === null) await this.stream.changed(signal);
    }
  }

  async close(): Promise<void> {
    // The creator of the stream owns it.
  }

  /** The cursor, or a new one when the stream lost messages that were read or were to be read next. */
  private async recognised(cursor: Cursor, from: ReadFrom): Promise<Cursor> {
    const { lastMessage, position } = cursor;
    const { firstSequence } = this.stream.bounds();
    if (cursor.next < firstSequence) {
      if (position === null) return this.start(from);
      throw positionLost(position, { ...position, revision: position.revision + 1 });
    }
    // No message was read that could be recognised: the stream may have lost its end and grown again.
    if (lastMessage === null) return this.start(from);
    if (lastMessage.sequence < firstSequence) return cursor;
    // The same object means the same message.
    const unchanged = this.stream.at(lastMessage.sequence)?.headers === lastMessage.headers;
    if (unchanged) return cursor;
    return this.start(position === null ? from : { after: position });
  }

  private async start(from: ReadFrom): Promise<Cursor> {
    const start = await locate(this.stream, this.stream.bounds(), from);
    if (start === null) throw new InvariantError('Messages vanished from a stream in memory.');
    return new Cursor(start);
  }
}

interface MemoryWriterOptions {
  readonly stream: MemoryStream;
  readonly head: JournalHead;
  readonly term: number;
  readonly clock: Clock;
}

class MemoryWriter implements JournalWriter {
  private before: ChainPoint | null;
  private sequence: number;
  private failure: unknown = null;

  constructor(private readonly options: MemoryWriterOptions) {
    const { last, sequence } = options.head;
    this.before = last;
    this.sequence = sequence;
  }

  get position(): Position | null {
    return this.before?.position ?? null;
  }

  get batchBytes(): number {
    return this.options.stream.maxMessageBytes;
  }

  async append(draft: RecordDraft): Promise<void> {
    if (this.failure !== null) throw this.failure;
    const { stream, term, clock } = this.options;
    const record = completeDraft(draft, this.before, { term, time: clock.wall() });
    try {
      for (const frame of frameRecord(record, stream.maxMessageBytes)) stream.append(this.sequence++, frame);
    } catch (error) {
      this.failure = error;
      throw error;
    }
    this.before = pointAfter(record);
  }
}
