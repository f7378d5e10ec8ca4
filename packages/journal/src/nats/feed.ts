import { Bell, type Logger, Scope, type SharedBudget, type TidemarkError, UnavailableError } from '@tidemark/core';
import { AckPolicy, createInbox, DeliverPolicy, type Msg, nanos, ReplayPolicy, type Subscription } from 'nats';
import type { JournalMessage } from '../format/assembler.js';
import { MESSAGE_OVERHEAD_BYTES } from '../format/frame.js';
import type { NatsConnection } from './connection.js';
import { castError } from './errors.js';
import { sequenceOf } from './reply.js';
import { headersOf } from './stream.js';

/** A feed was interrupted: another feed at the same sequence continues. */
export class FeedInterruptedError extends UnavailableError {}

export interface FeedOptions {
  readonly connection: NatsConnection;
  readonly stream: string;
  readonly startSequence: number;
  /** Memory that all feeds of this process share. */
  readonly sharedBudget: SharedBudget;
  readonly log: Logger;
  /** `next` returns empty when nothing came for so long, in milliseconds. */
  readonly quietMs: number;
}

/**
 * Bytes that may be in flight, queued, or in use by the reader; less when there are many readers. More would not be faster:
 * the next request is sent when half of it is free.
 */
const BUDGET_BYTES = 1024 * 1024;
/** The least for one reader, however many there are. A reader that meets a larger message gets a larger one. */
const LEAST_BUDGET_BYTES = 128 * 1024;
const BATCH_MESSAGES = 8192;
/** Smaller messages share the buffer of one read from the socket, 64 KiB at most. */
const COMPACTED_BYTES = 16 * 1024;
/** A request for messages is renewed after this time. */
const EXPIRES_MS = 30_000;
/** The server reports this often that a request still waits. */
const HEARTBEAT_MS = 2_000;
const MISSED_HEARTBEATS = 2.5;
/** The server removes a consumer without a reader after this time. */
const INACTIVE_MS = 60_000;

/**
 * The messages of a stream from a sequence on, by an ephemeral pull consumer without acknowledgements: the reader keeps the
 * position, and the server keeps none.
 *
 * nats.js's own `consume` has two defects for this use. It bounds messages instead of bytes, or, when bytes are set, stalls
 * for good at a larger message. And it waits for ever for a consumer that was removed. Here one request is in flight at a
 * time, for the bytes that are free; the server ends it when the next message does not fit.
 */
export class Feed {
  private queue: JournalMessage[] = [];
  private queuedBytes = 0;
  private handedOutBytes = 0;
  private request: { id: number; messages: number; maxBytes: number } | null = null;
  private requests = 0;
  private lastActivity = performance.now();
  private end: TidemarkError | 'closed' | null = null;
  private readonly bell = new Bell();
  private readonly inbox: string;
  private readonly subscription: Subscription;
  private readonly timer: NodeJS.Timeout;
  private readonly stopListening: () => void;
  private readonly leaveBudget: () => void;
  /** Bytes below which the budget does not go, however many readers there are. */
  private leastBudget = LEAST_BUDGET_BYTES;
  /** The next message was larger than the free part of the budget: it is requested when all of it is free. */
  private awaitsWholeBudget = false;

  private constructor(
    private readonly options: FeedOptions,
    private readonly consumer: string,
  ) {
    const { connection } = options;
    this.leaveBudget = options.sharedBudget.join();
    this.inbox = createInbox();
    this.subscription = connection.nats.subscribe(`${this.inbox}.*`, {
      callback: (error, message) => this.receive(error, message),
    });
    this.stopListening = connection.onLost(() => this.interrupt('the connection was lost'));
    this.timer = setInterval(() => this.checkHeartbeat(), HEARTBEAT_MS / 2);
    this.pull();
  }

  static async open(options: FeedOptions): Promise<Feed> {
    const { connection, stream, startSequence } = options;
    connection.assertConnected();
    try {
      const { name } = await connection.manager.consumers.add(stream, {
        ack_policy: AckPolicy.None,
        deliver_policy: DeliverPolicy.StartSequence,
        opt_start_seq: startSequence,
        replay_policy: ReplayPolicy.Instant,
        inactive_threshold: nanos(INACTIVE_MS),
        num_replicas: 1,
        mem_storage: true,
      });
      return new Feed(options, name);
    } catch (error) {
      throw castError(error, `create a consumer of stream ${stream}`);
    }
  }

  /**
   * The messages that have arrived since the last call; waits for some when there are none. A call frees the budget of the
   * messages before. Empty when the feed was closed, and when nothing came for `quietMs`.
   * @throws FeedInterruptedError
   */
  async next(): Promise<readonly JournalMessage[]> {
    this.handedOutBytes = 0;
    this.pull();
    if (this.queue.length === 0) await this.arrival();
    const messages = this.queue;
    this.queue = [];
    this.handedOutBytes = this.queuedBytes;
    this.queuedBytes = 0;
    return messages;
  }

  private async arrival(): Promise<void> {
    const quiet = Scope.within(this.options.quietMs);
    try {
      while (this.queue.length === 0 && this.end !== 'closed' && !quiet.signal.aborted) {
        if (this.end !== null) throw this.end;
        await this.bell.wait(quiet.signal);
      }
    } finally {
      quiet.end();
    }
  }

  close(): void {
    this.finish('closed');
    const { connection, stream, log } = this.options;
    if (!connection.connected) return;
    // The server also removes an unused consumer by itself, later.
    connection.manager.consumers
      .delete(stream, this.consumer)
      .catch((error: unknown) => log.debug({ err: error }, 'a consumer could not be removed'));
  }

  private get budget(): number {
    return Math.max(this.leastBudget, Math.min(BUDGET_BYTES, this.options.sharedBudget.share));
  }

  private pull(): void {
    const { budget } = this;
    const free = budget - this.queuedBytes - this.handedOutBytes;
    if (this.request !== null || this.end !== null || free < (this.awaitsWholeBudget ? budget : budget / 2)) return;
    const { connection, stream } = this.options;
    this.awaitsWholeBudget = false;
    this.request = { id: ++this.requests, messages: 0, maxBytes: free };
    this.lastActivity = performance.now();
    const request = {
      batch: BATCH_MESSAGES,
      max_bytes: free,
      expires: nanos(EXPIRES_MS),
      idle_heartbeat: nanos(HEARTBEAT_MS),
    };
    connection.nats.publish(`$JS.API.CONSUMER.MSG.NEXT.${stream}.${this.consumer}`, JSON.stringify(request), {
      reply: `${this.inbox}.${this.request.id}`,
    });
  }

  private receive(error: Error | null, message: Msg): void {
    if (this.end !== null) return;
    this.lastActivity = performance.now();
    try {
      if (error !== null) throw error;
      // Only messages of a stream have a reply subject here, which contains their sequence.
      if (message.reply === undefined || message.reply === '') this.receiveStatus(message);
      else this.receiveData(message, message.reply);
    } catch (fault) {
      this.finish(castError(fault, 'read the journal'));
    }
  }

  private receiveData(message: Msg, reply: string): void {
    const data = compact(message.data);
    const bytes = data.length + MESSAGE_OVERHEAD_BYTES;
    this.queue.push({ sequence: sequenceOf(reply), headers: headersOf(message.headers), payload: data, bytes });
    this.queuedBytes += bytes;
    if (this.request !== null && ++this.request.messages === BATCH_MESSAGES) this.endRequest();
    this.bell.ring();
  }

  private receiveStatus(message: Msg): void {
    const { code = 0, description = '' } = message.headers ?? {};
    if (code === HEARTBEAT) return;
    if (message.subject !== `${this.inbox}.${this.requests}`) return;
    const tooLarge = /exceeds maxbytes/i.test(description);
    if (
      code === NO_MESSAGES ||
      code === EXPIRED ||
      (code === CONFLICT && /maxbytes|batch completed/i.test(description))
    ) {
      if (tooLarge && this.request?.messages === 0) this.growBudget(this.request.maxBytes);
      this.endRequest();
    } else {
      this.interrupt(`the server ended the consumer: ${code} ${description}`);
    }
  }

  /** The next message did not fit a request for `maxBytes`: asks for the whole budget, or for a larger one. */
  private growBudget(maxBytes: number): void {
    if (maxBytes < this.budget) this.awaitsWholeBudget = true;
    else this.leastBudget = 2 * maxBytes;
  }

  private endRequest(): void {
    this.request = null;
    this.pull();
  }

  private checkHeartbeat(): void {
    const silent = performance.now() - this.lastActivity;
    if (this.request !== null && silent > MISSED_HEARTBEATS * HEARTBEAT_MS) {
      this.interrupt(`the server has been silent for ${Math.round(silent)} ms`);
    }
  }

  private interrupt(why: string): void {
    this.finish(
      new FeedInterruptedError({
        message: `NATS: reading the journal was interrupted: ${why}.`,
        remedy: 'It is tried again. Check that the NATS servers run and are reachable.',
      }),
    );
  }

  private finish(end: TidemarkError | 'closed'): void {
    if (this.end === null) {
      this.end = end;
      clearInterval(this.timer);
      this.stopListening();
      this.leaveBudget();
      this.subscription.unsubscribe();
    } else if (end === 'closed') {
      this.end = end;
    }
    this.bell.ring();
  }
}

/**
 * Copies a message out of a buffer that is much larger: nats.js collects a message that came in several pieces in a buffer
 * that doubles, and messages of 64 KiB took two to three times their size. Small messages are not copied, because they
 * share the buffer of one read.
 */
function compact(data: Uint8Array): Buffer {
  const view = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  return data.length >= COMPACTED_BYTES && data.buffer.byteLength > 1.25 * data.length ? Buffer.from(view) : view;
}

/** Status codes of JetStream's answers to a request for messages. */
const HEARTBEAT = 100;
const NO_MESSAGES = 404;
const EXPIRED = 408;
const CONFLICT = 409;
