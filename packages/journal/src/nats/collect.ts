import { UnavailableError } from '@tidemark/core';
import { AckPolicy, createInbox, DeliverPolicy, type Msg, nanos, ReplayPolicy } from 'nats';
import type { Link } from './link.js';
import { leftBehind } from './reply.js';

export interface CollectOptions {
  readonly link: Link;
  readonly stream: string;
  readonly subject: string;
  /** Messages to wait for; when undefined, all until the server says that none is left. */
  readonly count?: number;
  /** The longest silence that is endured, in milliseconds. */
  readonly silenceMs?: number;
}

/** A message of 512 KiB comes in time at 0.5 Mbit/s. */
const SILENCE_MS = 10_000;
/** The server removes a consumer that nobody listens to after this time. */
const INACTIVE_MS = 5_000;

/**
 * The messages of a stream under a subject, in order. For what is held in memory as a whole anyway: the server sends
 * everything at once. nats.js's ordered consumer would wait for ever for messages that are gone.
 * @throws UnavailableError when the connection is lost, or the server falls silent before the last message
 */
export async function collect(options: CollectOptions): Promise<readonly Uint8Array[]> {
  const { link, stream, subject } = options;
  link.assertConnected();
  const found = new Collected(options.count, options.silenceMs ?? SILENCE_MS);
  const inbox = createInbox();
  const subscription = link.nats.subscribe(inbox, {
    callback: (error, message) => (error === null ? found.take(message) : found.fail(error)),
  });
  const stopListening = link.onLost(() => found.fail(silent('the connection was lost')));
  try {
    const consumer = await link.manager.consumers.add(stream, {
      deliver_subject: inbox,
      filter_subject: subject,
      ack_policy: AckPolicy.None,
      deliver_policy: DeliverPolicy.All,
      replay_policy: ReplayPolicy.Instant,
      inactive_threshold: nanos(INACTIVE_MS),
      num_replicas: 1,
      mem_storage: true,
    });
    // Messages may be on the way already when the server says how many there are.
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
    // Waited for only once the consumer is there.
    this.complete.catch(() => undefined);
    this.timer = setTimeout(() => this.fail(silent(`no message for ${silenceMs} ms`)), silenceMs);
  }

  /** There is no message, and none was waited for. */
  endEmpty(): void {
    if (this.count === undefined) this.resolve(this.messages);
  }

  /**
   * Where they were not counted, what is left tells the last one. To count them when the consumer is made would not do:
   * others may store meanwhile, and a server that skips some over a purge (2.9.10 does) says truly that they are left.
   */
  take(message: Msg): void {
    this.messages.push(message.data);
    this.timer.refresh();
    const isLast = this.count === undefined ? leftBehind(message) === 0 : this.messages.length === this.count;
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
    message: `NATS: reading stopped half-way: ${why}.`,
    remedy: 'It is tried again. Check that the NATS servers run and are reachable.',
  });
}
