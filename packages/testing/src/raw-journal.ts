import { RawNats } from './raw-nats.js';
import { TestServerError } from './servers/errors.js';

/** One journal message as it is stored: its headers, and its payload undecoded. */
export interface RawMessage {
  readonly sequence: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly payload: Buffer;
  /** When nats-server stored it, milliseconds since the epoch. */
  readonly storedAt: number;
}

const CRLF = '\r\n';

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
    if (info.state === undefined)
      throw new TestServerError({
        message: `stream ${this.stream}: ${JSON.stringify(info)}`,
        remedy: 'Look at the log of nats-server.',
      });
    return { first: info.state.first_seq, last: info.state.last_seq };
  }

  /** All messages from a sequence on, or all that are kept, to the end as it is now. */
  async read(from = 0): Promise<RawMessage[]> {
    const { first, last } = await this.bounds();
    const messages: RawMessage[] = [];
    for (let sequence = Math.max(first, from); sequence <= last; sequence++)
      messages.push(await this.message(sequence));
    return messages;
  }

  /** The last message. Throws when there is none. */
  async last(): Promise<RawMessage> {
    return await this.message((await this.bounds()).last);
  }

  close(): void {
    this.connection.close();
  }

  private async message(sequence: number): Promise<RawMessage> {
    const request = JSON.stringify({ seq: sequence });
    const answer = (await this.connection.request(`$JS.API.STREAM.MSG.GET.${this.stream}`, request)) as {
      message?: StoredMessage;
    };
    const { hdrs = '', data = '', time = '' } = answer.message ?? {};
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

function parseHeaders(text: string): Map<string, string> {
  const lines = text.split(CRLF).slice(1);
  return new Map(
    lines.flatMap((line) =>
      line.includes(':') ? [[line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()] as const] : [],
    ),
  );
}
