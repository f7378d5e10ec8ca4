import {
  type Clock,
  InvariantError,
  type JournalHead,
  type JournalWriter,
  type Position,
  type RecordDraft,
  type TidemarkError,
  FencedError,
  UnavailableError,
} from '@tidemark/core';
import { headers as emptyHeaders } from 'nats';
import { behind, type ChainPoint, completeDraft } from '../chain.js';
import { type Frame, frameRecord, HEADER_ROOM_BYTES, headerLines } from '../format/frame.js';
import { castAppendError } from './errors.js';
import type { Link } from './link.js';

/**
 * What may be unanswered at a time. Enough to keep a link with 10 ms of delay full, and little enough to be thrown
 * away when one append is refused, because all behind it are refused too.
 */
const WINDOW_MESSAGES = 64;
const WINDOW_BYTES = 8 * 1024 * 1024;

/** Larger batches do not make the journal faster and make readers wait. */
const MAX_BATCH_BYTES = 512 * 1024;

export interface WriterOptions {
  readonly link: Link;
  readonly stream: { readonly name: string; readonly subject: string };
  readonly head: JournalHead;
  readonly term: number;
  readonly clock: Clock;
  readonly timeoutMs: number;
}

interface Append {
  readonly frames: readonly Frame[];
  readonly bytes: number;
  readonly resolve: () => void;
  readonly reject: (error: TidemarkError) => void;
}

/**
 * Appends by compare-and-set: every message names the sequence it expects to be the stream's last
 * (Nats-Expected-Last-Sequence), so that a message of anybody else, or a message of ours that was refused, refuses all
 * that follow. That is the fence; leases are only a hint.
 *
 * Two things are left out on purpose. A refused append is never sent again with the sequence of the day: that would
 * take down the fence. And there is no Nats-Msg-Id: on clustered servers 2.10 and 2.11 an id that was refused answers
 * "duplicate" for two minutes, which nats.js reports as success (nats-io/nats-server pull request 6415).
 */
export class NatsWriter implements JournalWriter {
  private before: ChainPoint | null;
  private sequence: number;
  private failure: TidemarkError | null = null;
  private readonly waiting: Append[] = [];
  private readonly inFlight = new Set<Append>();
  private inFlightMessages = 0;
  private inFlightBytes = 0;
  private readonly stopListening: () => void;

  constructor(private readonly options: WriterOptions) {
    const { head, link } = options;
    this.sequence = head.sequence;
    this.before = head.last && { position: head.last.position, term: head.last.term };
    this.stopListening = link.onLost(() => this.abandon());
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
    this.before = behind(record);
    const bytes = frames.reduce((sum, frame) => sum + frame.payload.length, 0);
    return new Promise((resolve, reject) => {
      this.waiting.push({ frames, bytes, resolve, reject });
      this.send();
    });
  }

  /** Takes no more notice of the connection: another writer of this process has taken over. */
  detach(): void {
    this.stopListening();
  }

  private get messageBytes(): number {
    return this.options.link.maxPayload - HEADER_ROOM_BYTES;
  }

  private send(): void {
    for (let next = this.waiting[0]; next !== undefined && this.hasRoom(next); next = this.waiting[0]) {
      if (!this.options.link.connected) {
        this.fail(notConnected());
        return;
      }
      this.waiting.shift();
      void this.publish(next);
    }
  }

  /** A record larger than the whole window goes alone. */
  private hasRoom(next: Append): boolean {
    if (this.inFlightMessages === 0) return true;
    const messages = this.inFlightMessages + next.frames.length;
    return messages <= WINDOW_MESSAGES && this.inFlightBytes + next.bytes <= WINDOW_BYTES;
  }

  private async publish(append: Append): Promise<void> {
    this.account(append, 1);
    try {
      await Promise.all(append.frames.map((frame) => this.publishFrame(frame)));
      append.resolve();
    } catch (error) {
      const cast = castAppendError(error, `append behind ${this.options.stream.name}`);
      // Behind a failure everything is refused with "wrong last sequence"; the first failure is what happened.
      append.reject(this.failure !== null && cast instanceof FencedError ? this.failure : cast);
      this.fail(cast);
    } finally {
      this.account(append, -1);
      this.send();
    }
  }

  private account(append: Append, sign: 1 | -1): void {
    if (sign === 1) this.inFlight.add(append);
    else this.inFlight.delete(append);
    this.inFlightMessages += sign * append.frames.length;
    this.inFlightBytes += sign * append.bytes;
  }

  private async publishFrame(frame: Frame): Promise<void> {
    const { link, stream, timeoutMs } = this.options;
    const expected = this.sequence++;
    // nats.js leaves the header out, silently and with it the fence, when this is not of type number.
    if (!Number.isSafeInteger(expected)) throw new InvariantError('The expected sequence is not a number.');
    const headers = emptyHeaders();
    for (const [name, value] of headerLines(frame.headers)) headers.append(name, value);
    const expect = { lastSequence: expected, streamName: stream.name };
    const ack = await link.jetstream.publish(stream.subject, frame.payload, { headers, expect, timeout: timeoutMs });
    if (ack.seq !== expected + 1 || ack.duplicate || ack.stream !== stream.name) {
      throw new InvariantError(
        `An append behind sequence ${expected} was acknowledged as ${ack.seq} of ${ack.stream}, duplicate ${ack.duplicate}.`,
      );
    }
  }

  /** The first failure ends the writer: nothing more is sent, and whatever waits is refused. */
  private fail(error: TidemarkError): void {
    if (this.failure !== null) return;
    this.failure = error;
    this.stopListening();
    for (const append of this.waiting.splice(0)) append.reject(error);
  }

  /** The connection is gone, and with it the answers: waiting for the timeouts would only delay the next attempt. */
  private abandon(): void {
    if (this.inFlight.size === 0) {
      this.fail(notConnected());
      return;
    }
    const error = castAppendError(notConnected().cause, `append behind ${this.options.stream.name}`);
    for (const append of this.inFlight) append.reject(error);
    this.fail(error);
  }
}

function notConnected(): UnavailableError {
  return new UnavailableError({
    message: 'NATS: the connection is lost, the append was not sent.',
    remedy: 'It is tried again. Check that the NATS servers run and are reachable.',
    cause: new Error('the connection was lost'),
  });
}
