import { randomUUID } from 'node:crypto';
import { JournalReplacedError } from '@tidemark/core';
import type { MsgHdrs, StreamInfo } from 'nats';
import type { JournalMessage } from '../format/assembler.js';
import { type FrameHeaders, MESSAGE_OVERHEAD_BYTES, parseHeaders } from '../format/frame.js';
import type { NatsConnection } from './connection.js';
import { ApiErrorCode, apiErrorCode, castError } from './errors.js';
import {
  describeStream,
  desiredStream,
  journalIdOf,
  journalNames,
  type RetentionConfig,
  streamDeviations,
} from './stream-config.js';

/** State of the stream, from its leader. */
export interface StreamState {
  readonly id: string;
  readonly firstSequence: number;
  readonly lastSequence: number;
  readonly messages: number;
  readonly bytes: number;
  readonly deviations: readonly string[];
}

/**
 * The journal's stream, over the JetStream API: answers come from the stream's leader. A direct get could be answered by a
 * replica that is behind.
 */
export class JournalStream {
  readonly name: string;
  readonly subject: string;

  constructor(
    private readonly connection: NatsConnection,
    private readonly pipeline: string,
    private readonly retention: RetentionConfig,
  ) {
    const { stream, subject } = journalNames(pipeline);
    this.name = stream;
    this.subject = subject;
  }

  /** Creates the stream under a new identity when there is none; an existing one is not touched, only compared. */
  async ensure(): Promise<StreamState> {
    const existing = await this.unless(ApiErrorCode.streamNotFound, `ask about stream ${this.name}`, () => this.info());
    if (existing !== null) return this.state(existing);
    const description = describeStream(this.pipeline, randomUUID());
    const config = { ...desiredStream(this.pipeline, this.retention), description };
    // Name in use: another node created the stream between the two requests, and its identity counts.
    const created = await this.unless(ApiErrorCode.streamNameInUse, `create stream ${this.name}`, () =>
      this.connection.manager.streams.add(config),
    );
    return created === null ? this.read() : this.state(created);
  }

  async read(): Promise<StreamState> {
    return this.state(await this.ask(`ask about stream ${this.name}`, () => this.info()));
  }

  /** The message at `sequence`, or null when it was removed or is not stored yet. */
  async message(sequence: number): Promise<JournalMessage | null> {
    const doing = `read message ${sequence} of stream ${this.name}`;
    const stored = await this.unless(ApiErrorCode.noMessageFound, doing, () =>
      this.connection.manager.streams.getMessage(this.name, { seq: sequence }),
    );
    if (stored === null) return null;
    const { data, header } = stored;
    const payload = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
    return { sequence, headers: headersOf(header), payload, bytes: payload.length + MESSAGE_OVERHEAD_BYTES };
  }

  private info(): Promise<StreamInfo> {
    return this.connection.manager.streams.info(this.name);
  }

  /** Null when the server refuses the request with `expected`. */
  private async unless<T>(expected: number, doing: string, request: () => Promise<T>): Promise<T | null> {
    return this.ask(doing, () =>
      request().catch((error: unknown) => {
        if (apiErrorCode(error) === expected) return null;
        throw error;
      }),
    );
  }

  /** Fails at once while disconnected: the request would be lost at the reconnect, and fail only by its timeout. */
  private async ask<T>(doing: string, request: () => Promise<T>): Promise<T> {
    this.connection.assertConnected();
    try {
      return await request();
    } catch (error) {
      throw castError(error, doing);
    }
  }

  private state({ config, state }: StreamInfo): StreamState {
    const id = journalIdOf(config.description);
    if (id === null) throw notOurs(this.name);
    return {
      id,
      firstSequence: state.first_seq,
      lastSequence: state.last_seq,
      messages: state.messages,
      bytes: state.bytes,
      deviations: streamDeviations(config, desiredStream(this.pipeline, this.retention)),
    };
  }
}

export function headersOf(headers: MsgHdrs | undefined): FrameHeaders {
  // `headers.get` looks through all names each time.
  const lines = new Map(headers ?? []);
  return parseHeaders((name) => lines.get(name)?.[0] ?? '');
}

/** @throws JournalReplacedError when the stream is not the one that `id` was read from */
export function assertSameJournal(expected: string, state: StreamState): void {
  if (state.id === expected) return;
  throw new JournalReplacedError({
    message: `The journal is not the one that was opened: its id was ${expected}, now it is ${state.id}.`,
    remedy: 'The stream was deleted and created again. See the runbook on a replaced journal.',
  });
}

function notOurs(stream: string): JournalReplacedError {
  return new JournalReplacedError({
    message: `Stream ${stream} carries no journal id in its description: Tidemark did not create it, or it was edited.`,
    remedy: 'Restore the description (`Tidemark journal NAME, id UUID`), or remove the stream if it is not a journal.',
  });
}
