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
import { Feed, FeedInterruptedError } from './feed.js';
import type { Link } from './link.js';
import { assertSameJournal, type JournalStream, type StreamState } from './stream.js';

export interface ReaderOptions {
  readonly link: Link;
  readonly stream: JournalStream;
  /** Identity of the journal that was opened. */
  readonly id: string;
  readonly log: Logger;
  /** Memory that all readers of this process share. */
  readonly room: SharedBudget;
  /** How long the servers may be away before reading fails, in milliseconds. */
  readonly patienceMs: number;
  /** While nothing comes, the stream is looked at so often, in milliseconds. */
  readonly quietMs?: number;
}

const MAX_LOCATE_ATTEMPTS = 5;
/** A look is one or two small requests. */
const QUIET_MS = 10_000;
/** Decoded between two turns of the event loop: a few milliseconds while V8 has not compiled the decoder yet. */
const BYTES_PER_TURN = 32 * 1024;

/**
 * Reads over interruptions: each new feed starts only after the stream was recognised. See Journal.read.
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
   * What has arrived since the last call, consecutive from the cursor on; waits for it, also over interruptions. Empty
   * when aborted, and when nothing came for a while.
   * @throws the error of an interruption that another attempt cannot heal, or that lasts longer than patience
   */
  async messages(): Promise<readonly JournalMessage[]> {
    while (!this.signal.aborted) {
      try {
        this.feed ??= await this.open();
        const messages = await this.feed.next();
        if (messages.length === 0 && !this.signal.aborted) await this.lookAgain();
        if (this.cursor !== null && !isConsecutive(messages, this.cursor.next)) {
          await this.assertConsecutive(this.cursor, messages);
        }
        this.lastContact = performance.now();
        return messages;
      } catch (error) {
        this.close();
        if (!this.signal.aborted) await this.endure(error);
      }
    }
    return [];
  }

  /** The record that the message completes, if it is to be handed out. @throws what breaks the chain */
  take(message: JournalMessage): StoredRecord | null {
    return this.cursor?.take(message) ?? null;
  }

  readonly close = (): void => {
    this.feed?.close();
    this.feed = null;
  };

  /**
   * A feed that is to start past the journal's end starts at the end instead, without a word. So the stream must not go
   * back between the look at it and the feed. With a loss of the connection it may have; where it does so under a
   * connection that stays, `lookAgain` finds out.
   */
  private async open(): Promise<Feed> {
    const { link, stream, room, log, quietMs = QUIET_MS } = this.options;
    let lost = false;
    const stopListening = link.onLost(() => {
      lost = true;
    });
    try {
      const cursor = await unlessAborted(this.signal, () => this.recognise());
      const feed = await Feed.open({ link, stream: stream.name, startSequence: cursor.next, room, log, quietMs });
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
   * While nothing comes: a cluster may lose the end of a stream under a connection that stays, and a consumer keeps its
   * place in what is no longer there.
   * @throws FeedInterruptedError when the place is another one now
   */
  private async lookAgain(): Promise<void> {
    const stood = this.cursor?.next;
    try {
      if ((await unlessAborted(this.signal, () => this.recognise())).next === stood) return;
    } catch (error) {
      if (!(error instanceof UnavailableError) || error instanceof FeedInterruptedError) throw error;
      this.options.log.debug({ err: error }, 'the journal is read, and cannot be asked where it ends');
      return;
    }
    throw new FeedInterruptedError({
      message: `NATS: the journal lost its end while message ${stood} was waited for.`,
      remedy: 'It is tried again.',
    });
  }

  /** Waits before the next attempt. @throws the error itself, when another attempt cannot heal it or patience is over */
  private async endure(error: unknown): Promise<void> {
    if (!(error instanceof UnavailableError)) throw error;
    // A feed that was interrupted had the server's ear until just now.
    if (error instanceof FeedInterruptedError) this.lastContact = performance.now();
    if (performance.now() - this.lastContact > this.options.patienceMs) throw error;
    this.options.log.debug({ err: error }, 'reading the journal goes on where it was interrupted');
    await this.backoff.wait(this.signal);
  }

  /**
   * Makes sure that the stream is still the one that was read, up to the last message; a journal that lost a suffix
   * (acknowledged is not synced to disk) is searched anew for the position that was reached.
   */
  private async recognise(): Promise<Cursor> {
    const { stream, id, log } = this.options;
    this.options.link.assertConnected();
    const state = await stream.read();
    assertSameJournal(id, state);
    const cursor = this.cursor;
    if (cursor === null) return this.locate(this.from);
    const { lastMessage, position, next } = cursor;
    const lost = { last: state.lastSequence, read: next - 1 };
    if (lastMessage === null) {
      // Nothing that was read can be recognised, and a sequence proves nothing: a stream that lost its end and grew again
      // is as long as before. A reader that kept its place there had passed the reset that it needed, and waited.
      const found = await this.locate(this.from === 'oldest' ? 'oldest' : { near: next - 1, ...this.from });
      if (found.next < next) log.warn(lost, 'the journal lost records before the one that was waited for');
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
      message: 'The oldest records of the journal are removed faster than a position can be looked up.',
      remedy: 'Raise journal.maxAge or journal.maxBytes.',
    });
  }

  /** Consumers skip what retention has removed, and what is missing in the middle, without a word. */
  private async assertConsecutive(cursor: Cursor, messages: readonly JournalMessage[]): Promise<void> {
    let due = cursor.next;
    for (const { sequence } of messages) {
      if (sequence < due)
        throw new FeedInterruptedError({ message: `Message ${sequence} came twice.`, remedy: 'It is tried again.' });
      if (sequence > due) {
        const state = await this.options.stream.read();
        assertSameJournal(this.options.id, state);
        if (state.firstSequence > due) this.overtaken(cursor, state);
        throw chainBroken(`Messages ${due} to ${sequence - 1} are missing in the journal.`);
      }
      due++;
    }
  }

  /** Retention removed what was to be read next. */
  private overtaken(cursor: Cursor, state: StreamState): never {
    const { position } = cursor;
    if (position !== null)
      throw positionLost(position, { generation: position.generation, revision: position.revision + 1 });
    this.cursor = null;
    throw new FeedInterruptedError({
      message: `Message ${cursor.next} was removed while it was looked up; the first one is ${state.firstSequence}.`,
      remedy: 'It is tried again. Raise journal.maxAge or journal.maxBytes if this goes on.',
    });
  }
}

function isConsecutive(messages: readonly JournalMessage[], from: number): boolean {
  return messages.every(({ sequence }, index) => sequence === from + index);
}
