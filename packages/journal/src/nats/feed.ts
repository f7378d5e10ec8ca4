import { Bell, type Logger, Scope, type SharedBudget, type TidemarkError, UnavailableError } from '@tidemark/core';
import { AckPolicy, createInbox, DeliverPolicy, type Msg, nanos, ReplayPolicy, type Subscription } from 'nats';
import type { JournalMessage } from '../format/assembler.js';
import { MESSAGE_OVERHEAD_BYTES } from '../format/frame.js';
import { castError } from './errors.js';
import type { Link } from './link.js';
import { sequenceOf } from './reply.js';
import { headersOf } from './stream.js';

/** A feed ended for a reason that opening another one at the same sequence heals. */
export class FeedInterruptedError extends UnavailableError {}

export interface FeedOptions {
  readonly link: Link;
  readonly stream: string;
  readonly startSequence: number;
  /** Of all feeds of this process. */
  readonly room: SharedBudget;
  readonly log: Logger;
  /** Who waits is woken when nothing came for so long, in milliseconds. */
  readonly quietMs: number;
}

/**
 * Bytes that may be on the way, queued, or in the reader's hands; less when there are many readers. A reader is no faster
 * with more: the next request leaves when half of it is free.
 */
const BUDGET_BYTES = 1024 * 1024;
/** However many readers there are. One that meets a larger message gets room for it, and only that one. */
const LEAST_BUDGET_BYTES = 128 * 1024;
const BATCH_MESSAGES = 8192;
/** Smaller messages lie among others in what was read from the socket at once, 64 KiB at most. */
const COMPACTED_BYTES = 16 * 1024;
/** A request for messages is renewed after this time; the server reports twice as often that it still waits. */
const EXPIRES_MS = 30_000;
const HEARTBEAT_MS = 2_000;
const MISSED_HEARTBEATS = 2.5;
/** The server removes the consumer this long after its reader has gone. */
const INACTIVE_MS = 60_000;

/**
 * The messages of a stream from a sequence on, by an ephemeral pull consumer without acknowledgements: the position is
 * the reader's, the server keeps none.
 *
 * nats.js's own `consume` is not used: its bound is messages, not bytes, unless the bytes are set, and then a message
 * above the bound stalls it for good; and it waits for ever for a consumer that is gone. Here one request is out at a
 * time, for as many bytes as are free; the server ends it when the next message does not fit.
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
  private readonly leaveRoom: () => void;
  /** Bytes below which the budget does not go, however many readers there are. */
  private leastBudget = LEAST_BUDGET_BYTES;
  /** The next message was larger than what was free: it is asked for when everything is. */
  private awaitsAllRoom = false;

  private constructor(
    private readonly options: FeedOptions,
    private readonly consumer: string,
  ) {
    const { link } = options;
    this.leaveRoom = options.room.join();
    this.inbox = createInbox();
    this.subscription = link.nats.subscribe(`${this.inbox}.*`, {
      callback: (error, message) => this.receive(error, message),
    });
    this.stopListening = link.onLost(() => this.interrupt('the connection was lost'));
    this.timer = setInterval(() => this.checkHeartbeat(), HEARTBEAT_MS / 2);
    this.pull();
  }

  static async open(options: FeedOptions): Promise<Feed> {
    const { link, stream, startSequence } = options;
    link.assertConnected();
    try {
      const { name } = await link.manager.consumers.add(stream, {
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
   * What has arrived since the last call, waiting for it when nothing has. Taking the next messages gives back the
   * room of those before. Empty when the feed was closed, and when nothing came for `quietMs`.
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
    const { link, stream, log } = this.options;
    if (!link.connected) return;
    // Only tidiness: the server removes an unused consumer by itself.
    link.manager.consumers
      .delete(stream, this.consumer)
      .catch((error: unknown) => log.debug({ err: error }, 'a consumer could not be removed'));
  }

  private get budget(): number {
    return Math.max(this.leastBudget, Math.min(BUDGET_BYTES, this.options.room.share));
  }

  private pull(): void {
    const { budget } = this;
    const free = budget - this.queuedBytes - this.handedOutBytes;
    if (this.request !== null || this.end !== null || free < (this.awaitsAllRoom ? budget : budget / 2)) return;
    const { link, stream } = this.options;
    this.awaitsAllRoom = false;
    this.request = { id: ++this.requests, messages: 0, maxBytes: free };
    this.lastActivity = performance.now();
    const request = {
      batch: BATCH_MESSAGES,
      max_bytes: free,
      expires: nanos(EXPIRES_MS),
      idle_heartbeat: nanos(HEARTBEAT_MS),
    };
    link.nats.publish(`$JS.API.CONSUMER.MSG.NEXT.${stream}.${this.consumer}`, JSON.stringify(request), {
      reply: `${this.inbox}.${this.request.id}`,
    });
  }

  private receive(error: Error | null, message: Msg): void {
    if (this.end !== null) return;
    this.lastActivity = performance.now();
    try {
      if (error !== null) throw error;
      // Only messages of a stream carry a reply subject here: it tells their place.
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
      if (tooLarge && this.request?.messages === 0) this.makeRoom(this.request.maxBytes);
      this.endRequest();
    } else {
      this.interrupt(`the server ended the consumer: ${code} ${description}`);
    }
  }

  /** The next message did not fit a request for `maxBytes`, and would not fit the same request again. */
  private makeRoom(maxBytes: number): void {
    if (maxBytes < this.budget) this.awaitsAllRoom = true;
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
      this.leaveRoom();
      this.subscription.unsubscribe();
    } else if (end === 'closed') {
      this.end = end;
    }
    this.bell.ring();
  }
}

/**
 * The message in memory of its own size, when what it lies in is much larger: nats.js collects a message that came in
 * several pieces in a buffer that doubles, and messages of 64 KiB took two to three times their size. Small ones share
 * what was read from the socket at once.
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
