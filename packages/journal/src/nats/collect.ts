import { UnavailableError } from '@tidemark/core';
import { AckPolicy, createInbox, DeliverPolicy, type Msg, nanos, ReplayPolicy } from 'nats';
import type { NatsConnection } from './connection.js';
import { pendingAfter } from './reply.js';

export interface CollectOptions {
  readonly connection: NatsConnection;
  readonly stream: string;
  readonly subject: string;
  /** Messages to wait for; when undefined, all until the server reports none left. */
  readonly count?: number;
  /** The longest silence before reading fails, in milliseconds. */
  readonly silenceMs?: number;
}

/** A message of 512 KiB comes in time at 0.5 Mbit/s. */
const SILENCE_MS = 10_000;
/** The server removes a consumer that nobody listens to after this time. */
const INACTIVE_MS = 5_000;

/**
 * The messages of a stream under a subject, in order, as one list in memory: the server sends everything at once. nats.js's
 * ordered consumer would wait for ever for messages that were removed.
 * @throws UnavailableError when the connection is lost, or the server falls silent before the last message
 */
export async function collect(options: CollectOptions): Promise<readonly Uint8Array[]> {
  const { connection, stream, subject } = options;
  connection.assertConnected();
  const found = new Collected(options.count, options.silenceMs ?? SILENCE_MS);
  const inbox = createInbox();
  const subscription = connection.nats.subscribe(inbox, {
    callback: (error, message) => (error === null ? found.take(message) : found.fail(error)),
  });
  const stopListening = connection.onLost(() => found.fail(silent('the connection was lost')));
  try {
    const consumer = await connection.manager.consumers.add(stream, {
      deliver_subject: inbox,
      filter_subject: subject,
      ack_policy: AckPolicy.None,
      deliver_policy: DeliverPolicy.All,
      replay_policy: ReplayPolicy.Instant,
      inactive_threshold: nanos(INACTIVE_MS),
      num_replicas: 1,
      mem_storage: true,
    });
    // The server counts messages that it has already sent as delivered.
    if (consumer.num_pending + consumer.delivered.consumer_seq === 0) found.endEmpty();
    return await found.complete;
  } finally {
    stopListening();
    subscription.unsubscribe();
    found.stop();
  }
}

class Collected {
  readonly complete: Promise<readonly Uint8Array[]>;
  private readonly messages: Uint8Array[] = [];
  private readonly timer: NodeJS.Timeout;
  private resolve: (messages: readonly Uint8Array[]) => void = () => undefined;
  private reject: (error: Error) => void = () => undefined;

  constructor(
    private readonly count: number | undefined,
    silenceMs: number,
  ) {
    this.complete = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
    // Awaited after the consumer was created: until then Node would report a rejection as unhandled.
    this.complete.catch(() => undefined);
    this.timer = setTimeout(() => this.fail(silent(`no message for ${silenceMs} ms`)), silenceMs);
  }

  /** The server has no message. Complete, unless a count was given. */
  endEmpty(): void {
    if (this.count === undefined) this.resolve(this.messages);
  }

  /**
   * Without a count, the last message is the one after which none is pending. The number at the consumer's creation is
   * wrong: others may store messages meanwhile, and a server that skips some over a purge (2.9.10 does) counts those too.
   */
  take(message: Msg): void {
    this.messages.push(message.data);
    this.timer.refresh();
    const isLast = this.count === undefined ? pendingAfter(message) === 0 : this.messages.length === this.count;
    if (isLast) this.resolve(this.messages);
  }

  fail(error: Error): void {
    this.reject(error);
  }

  stop(): void {
    clearTimeout(this.timer);
  }
}

function silent(why: string): UnavailableError {
  return new UnavailableError({
    message: `NATS: reading stopped before the end: ${why}.`,
    remedy: 'It is tried again. Check that the NATS servers run and are reachable.',
  });
}
