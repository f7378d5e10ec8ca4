import {
  Backoff,
  type Logger,
  type ReadFrom,
  type SharedBudget,
  type StoredRecord,
  UnavailableError,
  unlessAborted,
} from '@tidemark/core';
import { Cursor, chainBroken, positionLost } from '../cursor.js';
import type { JournalMessage } from '../format/assembler.js';
import { locate } from '../locate.js';
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
}

const MAX_LOCATE_ATTEMPTS = 5;

/** Reads over interruptions: each new feed starts only after the stream was recognised. See Journal.read. */
export async function* readJournal(
  options: ReaderOptions,
  from: ReadFrom,
  signal: AbortSignal,
): AsyncGenerator<StoredRecord> {
  const reader = new Reader(options, from);
  while (!signal.aborted) {
    try {
      yield* reader.records(signal);
    } catch (error) {
      if (!signal.aborted) await reader.endure(error, signal);
    }
  }
}

class Reader {
  private cursor: Cursor | null = null;
  private readonly backoff = new Backoff({ initialMs: 50, maxMs: 1000 });
  private lastContact = performance.now();

  constructor(
    private readonly options: ReaderOptions,
    private readonly from: ReadFrom,
  ) {}

  /** The records from the cursor on, until interrupted. */
  async *records(signal: AbortSignal): AsyncGenerator<StoredRecord> {
    for await (const messages of this.messages(signal)) {
      this.lastContact = performance.now();
      for (const message of messages) {
        const record = this.cursor?.take(message) ?? null;
        if (record !== null) yield record;
        if (signal.aborted) return;
      }
    }
  }

  /** Waits before the next attempt. @throws the error itself, when another attempt cannot heal it or patience is over */
  async endure(error: unknown, signal: AbortSignal): Promise<void> {
    if (!(error instanceof UnavailableError)) throw error;
    // A feed that was interrupted had the server's ear until just now.
    if (error instanceof FeedInterruptedError) this.lastContact = performance.now();
    if (performance.now() - this.lastContact > this.options.patienceMs) throw error;
    this.options.log.debug({ err: error }, 'reading the journal goes on where it was interrupted');
    await this.backoff.wait(signal);
  }

  /** The messages from the cursor on, in groups as they arrive, until interrupted. */
  private async *messages(signal: AbortSignal): AsyncGenerator<readonly JournalMessage[]> {
    const { link, stream, room, log } = this.options;
    const cursor = await unlessAborted(signal, () => this.recognise());
    const feed = await Feed.open({ link, stream: stream.name, startSequence: cursor.next, room, log });
    const close = () => feed.close();
    signal.addEventListener('abort', close, { once: true });
    try {
      while (!signal.aborted) {
        const messages = await feed.next();
        await this.assertConsecutive(cursor, messages);
        if (messages.length > 0) yield messages;
      }
    } finally {
      signal.removeEventListener('abort', close);
      feed.close();
    }
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
    if (await this.isUnchanged(cursor, state)) {
      if (cursor.next >= state.firstSequence) return cursor;
      return this.overtaken(cursor, state);
    }
    log.warn({ last: state.lastSequence, read: cursor.next - 1 }, 'the journal lost records that were already read');
    const { lastMessage, position } = cursor;
    return this.locate(lastMessage === null || position === null ? this.from : { after: position });
  }

  private async isUnchanged({ lastMessage, next }: Cursor, state: StreamState): Promise<boolean> {
    if (next > state.lastSequence + 1) return false;
    if (lastMessage === null || lastMessage.sequence < state.firstSequence) return true;
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
