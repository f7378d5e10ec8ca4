import {
  Backoff,
  eventLoopTurn,
  type Logger,
  type ReadFrom,
  type SharedBudget,
  type StoredRecord,
  UnavailableError,
  unlessAborted,
} from '@tidemark/core';
import { Cursor, chainBroken, positionLost } from '../chain/cursor.js';
import { locate } from '../chain/locate.js';
import type { JournalMessage } from '../format/assembler.js';
import type { NatsConnection } from './connection.js';
import { Feed, FeedInterruptedError } from './feed.js';
import { assertSameJournal, type JournalStream, type StreamState } from './stream.js';

export interface ReaderOptions {
  readonly connection: NatsConnection;
  readonly stream: JournalStream;
  /** Identity of the journal that was opened. */
  readonly id: string;
  readonly log: Logger;
  /** Memory that all readers of this process share. */
  readonly budget: SharedBudget;
  /** How long the servers may be unreachable before reading fails, in milliseconds. */
  readonly maxOutageMs: number;
  /** While no message comes, the stream is checked so often, in milliseconds. */
  readonly quietMs?: number;
}

const MAX_LOCATE_ATTEMPTS = 5;
/** A check is one or two small requests. */
const QUIET_MS = 10_000;
/** Bytes that are decoded between two turns of the event loop: a few milliseconds before V8 has compiled the decoder. */
const BYTES_PER_TURN = 32 * 1024;

/**
 * Reads across interruptions: before each new feed, the stream is checked to be the one that was read. See
 * JournalReader.read.
 */
export async function* readJournal(
  options: ReaderOptions,
  from: ReadFrom,
  signal: AbortSignal,
): AsyncGenerator<StoredRecord> {
  const reader = new Reader(options, from, signal);
  signal.addEventListener('abort', reader.close, { once: true });
  let decodedBytes = 0;
  try {
    while (!signal.aborted) {
      for (const message of await reader.messages()) {
        const record = reader.take(message);
        if (record !== null) yield record;
        decodedBytes += message.bytes;
        if (decodedBytes >= BYTES_PER_TURN) {
          decodedBytes = 0;
          await eventLoopTurn();
        }
        if (signal.aborted) return;
      }
    }
  } finally {
    signal.removeEventListener('abort', reader.close);
    reader.close();
  }
}

class Reader {
  private cursor: Cursor | null = null;
  private feed: Feed | null = null;
  private readonly backoff = new Backoff({ initialMs: 50, maxMs: 1000 });
  private lastContact = performance.now();

  constructor(
    private readonly options: ReaderOptions,
    private readonly from: ReadFrom,
    private readonly signal: AbortSignal,
  ) {}

  /**
   * The messages since the last call, consecutive from the cursor on; waits for some, also across interruptions. Empty when
   * aborted, and when nothing came for `quietMs`.
   * @throws the error of an interruption that another attempt cannot heal, or that lasts longer than `maxOutageMs`
   */
  async messages(): Promise<readonly JournalMessage[]> {
    while (!this.signal.aborted) {
      try {
        this.feed ??= await this.open();
        const messages = await this.feed.next();
        if (messages.length === 0 && !this.signal.aborted) await this.checkPlace();
        if (this.cursor !== null && !isConsecutive(messages, this.cursor.next)) {
          await this.assertConsecutive(this.cursor, messages);
        }
        this.lastContact = performance.now();
        return messages;
      } catch (error) {
        this.close();
        if (!this.signal.aborted) await this.backOff(error);
      }
    }
    return [];
  }

  /** The record that the message completes; null when there is none or it is skipped. @throws JournalChainBrokenError */
  take(message: JournalMessage): StoredRecord | null {
    return this.cursor?.take(message) ?? null;
  }

  readonly close = (): void => {
    this.feed?.close();
    this.feed = null;
  };

  /**
   * Opens a feed at the cursor. A feed that is asked to start past the journal's end silently starts at the end, so the
   * stream must not lose its end between the check and the feed. After a lost connection it may have: the feed is dropped.
   * `checkPlace` finds a loss under a connection that stays.
   */
  private async open(): Promise<Feed> {
    const { connection, stream, budget: sharedBudget, log, quietMs = QUIET_MS } = this.options;
    let lost = false;
    const stopListening = connection.onLost(() => {
      lost = true;
    });
    try {
      const cursor = await unlessAborted(this.signal, () => this.recognise());
      const feed = await Feed.open({
        connection,
        stream: stream.name,
        startSequence: cursor.next,
        sharedBudget,
        log,
        quietMs,
      });
      if (!this.signal.aborted && !lost) return feed;
      feed.close();
      this.signal.throwIfAborted();
      throw new FeedInterruptedError({
        message: 'NATS: the connection was lost while a consumer was made.',
        remedy: 'It is tried again. Check that the NATS servers run and are reachable.',
      });
    } finally {
      stopListening();
    }
  }

  /**
   * Checks the cursor while no message comes: a cluster may lose the end of a stream under a connection that stays, and a
   * consumer then waits at a sequence that no longer exists.
   * @throws FeedInterruptedError when reading has to continue at another sequence
   */
  private async checkPlace(): Promise<void> {
    const expected = this.cursor?.next;
    try {
      if ((await unlessAborted(this.signal, () => this.recognise())).next === expected) return;
    } catch (error) {
      if (!(error instanceof UnavailableError) || error instanceof FeedInterruptedError) throw error;
      this.options.log.debug({ err: error }, 'the end of the journal could not be checked while reading it');
      return;
    }
    throw new FeedInterruptedError({
      message: `NATS: the journal lost its end before message ${expected}, which is waited for.`,
      remedy: 'It is tried again.',
    });
  }

  /** Waits before the next attempt. @throws the error itself, when another attempt cannot heal it or the outage is too long */
  private async backOff(error: unknown): Promise<void> {
    if (!(error instanceof UnavailableError)) throw error;
    // A feed that was interrupted was connected to the server until now.
    if (error instanceof FeedInterruptedError) this.lastContact = performance.now();
    if (performance.now() - this.lastContact > this.options.maxOutageMs) throw error;
    this.options.log.debug({ err: error }, 'reading the journal was interrupted, continuing after a pause');
    await this.backoff.wait(this.signal);
  }

  /**
   * Checks that the stream still has the last message that was read. Where a suffix was lost (acknowledged is not synced to
   * disk), the position that was reached is searched again.
   */
  private async recognise(): Promise<Cursor> {
    const { stream, id, log } = this.options;
    this.options.connection.assertConnected();
    const state = await stream.read();
    assertSameJournal(id, state);
    const cursor = this.cursor;
    if (cursor === null) return this.locate(this.from);
    const { lastMessage, position, next } = cursor;
    const lost = { last: state.lastSequence, read: next - 1 };
    if (lastMessage === null) {
      // No message was read that could be recognised, and a sequence proves nothing: a stream that lost its end and grew
      // again is as long as before. A reader that stayed there would miss a reset record and wait for ever.
      const found = await this.locate(this.from === 'oldest' ? 'oldest' : { near: next - 1, ...this.from });
      if (found.next < next) log.warn(lost, 'the journal lost records before the next one');
      return found;
    }
    if (await this.isUnchanged(lastMessage, next, state)) {
      if (next >= state.firstSequence) return cursor;
      return this.overtaken(cursor, state);
    }
    log.warn(lost, 'the journal lost records that were already read');
    return this.locate(position === null ? this.from : { after: position });
  }

  private async isUnchanged(
    lastMessage: NonNullable<Cursor['lastMessage']>,
    next: number,
    state: StreamState,
  ): Promise<boolean> {
    if (next > state.lastSequence + 1) return false;
    if (lastMessage.sequence < state.firstSequence) return true;
    const found = await this.options.stream.message(lastMessage.sequence);
    if (found === null) return (await this.options.stream.read()).firstSequence > lastMessage.sequence;
    const { crc32, part, term, last } = lastMessage.headers;
    const { headers } = found;
    return headers.crc32 === crc32 && headers.part === part && headers.term === term && headers.last === last;
  }

  private async locate(from: ReadFrom): Promise<Cursor> {
    const { stream, id } = this.options;
    for (let attempt = 0; attempt < MAX_LOCATE_ATTEMPTS; attempt++) {
      const state = await stream.read();
      assertSameJournal(id, state);
      const start = await locate(stream, state, from);
      if (start === null) continue;
      this.cursor = new Cursor(start);
      return this.cursor;
    }
    throw new UnavailableError({
      message: 'The journal removes its oldest records faster than a position can be found.',
      remedy: 'Raise journal.maxAge or journal.maxBytes.',
    });
  }

  /** Consumers silently skip messages that retention has removed, and messages that are missing in the middle. */
  private async assertConsecutive(cursor: Cursor, messages: readonly JournalMessage[]): Promise<void> {
    let expected = cursor.next;
    for (const { sequence } of messages) {
      if (sequence < expected)
        throw new FeedInterruptedError({ message: `Message ${sequence} came twice.`, remedy: 'It is tried again.' });
      if (sequence > expected) {
        const state = await this.options.stream.read();
        assertSameJournal(this.options.id, state);
        if (state.firstSequence > expected) this.overtaken(cursor, state);
        throw chainBroken(`Messages ${expected} to ${sequence - 1} are missing in the journal.`);
      }
      expected++;
    }
  }

  /** Retention removed the message that was to be read next. */
  private overtaken(cursor: Cursor, state: StreamState): never {
    const { position } = cursor;
    if (position !== null)
      throw positionLost(position, { generation: position.generation, revision: position.revision + 1 });
    this.cursor = null;
    throw new FeedInterruptedError({
      message: `Message ${cursor.next} was removed before it was read; the first one is ${state.firstSequence}.`,
      remedy: 'It is tried again. Raise journal.maxAge or journal.maxBytes if this repeats.',
    });
  }
}

function isConsecutive(messages: readonly JournalMessage[], from: number): boolean {
  return messages.every(({ sequence }, index) => sequence === from + index);
}
