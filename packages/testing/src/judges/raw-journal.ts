import { TestServerError } from '../network/errors.js';
import { RawNats } from '../network/raw-nats.js';

/** One journal message as it is stored: its headers, and its payload undecoded. */
export interface RawMessage {
  readonly sequence: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly payload: Buffer;
  /** When nats-server stored it, milliseconds since the epoch. */
  readonly storedAt: number;
}

const CRLF = '\r\n';
const FIRST_SEQUENCE = 1;

interface StoredMessage {
  readonly seq: number;
  readonly hdrs?: string;
  readonly data?: string;
  readonly time: string;
}

/**
 * A stream read message by message over NATS' text protocol and JetStream's JSON API, with none of the code under test
 * and no client library: a stranger's reading of the journal.
 */
export class RawJournal {
  private constructor(
    private readonly connection: RawNats,
    private readonly stream: string,
  ) {}

  static async open(nats: { readonly address: string }, stream: string): Promise<RawJournal> {
    return new RawJournal(await RawNats.connect(nats.address), stream);
  }

  /** Sequences of the first and the last message. */
  async bounds(): Promise<{ first: number; last: number }> {
    const info = (await this.connection.request(`$JS.API.STREAM.INFO.${this.stream}`, '')) as {
      state?: { first_seq: number; last_seq: number };
    };
    if (info.state === undefined) throw refused(`stream ${this.stream}`, info);
    return { first: info.state.first_seq, last: info.state.last_seq };
  }

  /** All messages from a sequence on, or all that are kept, to the end as it is now. Throws when one in between is gone. */
  async read(from = FIRST_SEQUENCE): Promise<RawMessage[]> {
    const { first, last } = await this.bounds();
    const messages: RawMessage[] = [];
    for (let sequence = Math.max(FIRST_SEQUENCE, first, from); sequence <= last; sequence++) {
      const answer = await this.get(sequence);
      // Retention takes what is oldest while this reads.
      if ('message' in answer || messages.length > 0) messages.push(this.stored(sequence, answer));
    }
    return messages;
  }

  /** The last message. Throws when there is none. */
  async last(): Promise<RawMessage> {
    const { last } = await this.bounds();
    return this.stored(last, await this.get(last));
  }

  close(): void {
    this.connection.close();
  }

  private async get(sequence: number): Promise<object> {
    const request = JSON.stringify({ seq: sequence });
    return (await this.connection.request(`$JS.API.STREAM.MSG.GET.${this.stream}`, request)) as object;
  }

  private stored(sequence: number, answer: { readonly message?: StoredMessage }): RawMessage {
    if (answer.message === undefined) throw refused(`message ${sequence} of stream ${this.stream}`, answer);
    const { hdrs = '', data = '', time } = answer.message;
    return {
      sequence,
      headers: parseHeaders(Buffer.from(hdrs, 'base64').toString('utf8')),
      payload: Buffer.from(data, 'base64'),
      storedAt: Date.parse(time),
    };
  }
}

/** The whole stream. */
export async function readRawJournal(nats: { readonly address: string }, stream: string): Promise<RawMessage[]> {
  const journal = await RawJournal.open(nats, stream);
  try {
    return await journal.read();
  } finally {
    journal.close();
  }
}

function refused(what: string, answer: unknown): TestServerError {
  return new TestServerError({
    message: `${what}: ${JSON.stringify(answer)}`,
    remedy: 'Look at the log of nats-server.',
  });
}

function parseHeaders(text: string): Map<string, string> {
  const lines = text.split(CRLF).slice(1);
  return new Map(
    lines.flatMap((line) =>
      line.includes(':') ? [[line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()] as const] : [],
    ),
  );
}
