import {
  type Clock,
  InvariantError,
  type JournalHead,
  type JournalWriter,
  type Position,
  type RecordDraft,
  type TidemarkError,
} from '@tidemark/core';
import { type ApiError, type Msg, type MsgHdrs, MsgHdrsImpl, NatsError, type PubAck } from 'nats';
import { type ChainPoint, completeDraft, pointAfter } from '../chain/chain.js';
import { type Frame, frameRecord, HEADER_RESERVE_BYTES, headerLines } from '../format/frame.js';
import type { NatsConnection } from './connection.js';
import { castAppendError } from './errors.js';

/** Larger batches make readers wait, and the journal no faster. */
const MAX_BATCH_BYTES = 512 * 1024;

export interface WriterOptions {
  readonly connection: NatsConnection;
  readonly stream: { readonly name: string; readonly subject: string };
  readonly head: JournalHead;
  readonly term: number;
  readonly clock: Clock;
  readonly timeoutMs: number;
}

interface Append {
  readonly frames: readonly Frame[];
  readonly resolve: () => void;
  readonly reject: (error: TidemarkError) => void;
}

/**
 * Appends by compare-and-set: every message names the sequence that it expects to be the stream's last
 * (Nats-Expected-Last-Sequence), and is refused when another message was stored there. That is the fence; leases are only
 * a hint.
 *
 * One message is in flight at a time, because two would break the fence. When another leader's `term` record takes sequence
 * N, our message for N is refused, but one for N + 1 would find the last sequence that it expects, and be stored after the
 * newer term. (The conformance suite found this in an earlier version.) Group commit makes up for it: changes that arrive
 * meanwhile go into the next record.
 *
 * For the same reason a refused append is never repeated with the current last sequence. Messages have no Nats-Msg-Id: on
 * clustered servers 2.10 and 2.11 a refused id is answered with "duplicate" for two minutes, which nats.js reports as
 * success (nats-io/nats-server pull request 6415).
 */
export class NatsWriter implements JournalWriter {
  private before: ChainPoint | null;
  private sequence: number;
  private failure: TidemarkError | null = null;
  private readonly waiting: Append[] = [];
  private sending = false;

  constructor(private readonly options: WriterOptions) {
    const { head } = options;
    this.sequence = head.sequence;
    this.before = head.last;
  }

  get position(): Position | null {
    return this.before?.position ?? null;
  }

  get batchBytes(): number {
    return Math.min(this.messageBytes, MAX_BATCH_BYTES);
  }

  async append(draft: RecordDraft): Promise<void> {
    if (this.failure !== null) throw this.failure;
    const { term, clock } = this.options;
    const record = completeDraft(draft, this.before, { term, time: clock.wall() });
    const frames = frameRecord(record, this.messageBytes);
    this.before = pointAfter(record);
    return new Promise((resolve, reject) => {
      this.waiting.push({ frames, resolve, reject });
      if (!this.sending) void this.send();
    });
  }

  private get messageBytes(): number {
    return this.options.connection.maxPayload - HEADER_RESERVE_BYTES;
  }

  private async send(): Promise<void> {
    this.sending = true;
    for (let next = this.waiting.shift(); next !== undefined; next = this.waiting.shift()) {
      try {
        for (const frame of next.frames) await this.publish(frame);
        next.resolve();
      } catch (error) {
        const failure = castAppendError(error, `append after sequence ${this.sequence} of ${this.options.stream.name}`);
        next.reject(failure);
        this.fail(failure);
      }
    }
    this.sending = false;
  }

  /** Stores one message after `sequence`. */
  private async publish(frame: Frame): Promise<void> {
    const { connection, stream, timeoutMs } = this.options;
    // While disconnected, nats.js would keep the message and send it after the reconnect.
    connection.assertConnected();
    // The server ignores an expectation that is no number: the append would be unfenced.
    if (!Number.isSafeInteger(this.sequence)) throw new InvariantError('The expected sequence is not a number.');
    const headers = headersOf(frame, { sequence: this.sequence, stream: stream.name });
    const ack = acknowledgement(
      await connection.requests.ask({ subject: stream.subject, payload: frame.payload, headers, timeoutMs }),
    );
    if (ack.seq !== this.sequence + 1 || ack.duplicate === true || ack.stream !== stream.name) {
      throw new InvariantError(
        `An append after sequence ${this.sequence} was acknowledged as ${ack.seq} of ${ack.stream}, duplicate ${ack.duplicate}.`,
      );
    }
    this.sequence = ack.seq;
  }

  /** The first failure ends the writer: nothing more is sent, and all waiting appends fail. */
  private fail(failure: TidemarkError): void {
    this.failure = failure;
    for (const append of this.waiting.splice(0)) append.reject(failure);
  }
}

/** The headers of the record and of the fence. */
function headersOf(frame: Frame, expected: { readonly sequence: number; readonly stream: string }): MsgHdrs {
  const lines: Record<string, string[]> = {};
  for (const [name, value] of headerLines(frame.headers)) lines[name] = [value];
  lines['Nats-Expected-Last-Sequence'] = [String(expected.sequence)];
  lines['Nats-Expected-Stream'] = [expected.stream];
  // Faster than `headers().append(...)`, which checks every character of every name each time.
  return MsgHdrsImpl.fromRecord(lines);
}

/** The server's answer to a published message; `duplicate` is absent when false. */
type Answer = Partial<PubAck> & { readonly error?: ApiError };

/** @throws NatsError when the message was refused, as nats.js's `jetstream().publish` throws it */
function acknowledgement(message: Msg): Answer {
  const answer = message.json<Answer>();
  if (answer.error === undefined) return answer;
  const { code, description } = answer.error;
  const refused = new NatsError(description, String(code));
  refused.api_error = answer.error;
  throw refused;
}
