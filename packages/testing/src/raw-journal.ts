import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import { TestServerError } from './servers/errors.js';

/** One journal message as any NATS client sees it, without decoding its payload. */
export interface RawMessage {
  readonly sequence: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly payload: Buffer;
}

const TIMEOUT_MS = 30_000;
const CRLF = '\r\n';

/**
 * Reads a whole stream message by message over NATS' text protocol and JetStream's JSON API, with none of the code
 * under test and no client library: a stranger's reading of the journal.
 */
export async function readRawJournal(nats: { readonly address: string }, stream: string): Promise<RawMessage[]> {
  const connection = await RawNats.connect(nats.address);
  try {
    const info = (await connection.request(`$JS.API.STREAM.INFO.${stream}`, '')) as {
      state?: { first_seq: number; last_seq: number };
    };
    if (info.state === undefined)
      throw new TestServerError({
        message: `stream ${stream}: ${JSON.stringify(info)}`,
        remedy: 'Look at the log of nats-server.',
      });
    const messages: RawMessage[] = [];
    for (let seq = info.state.first_seq; seq <= info.state.last_seq; seq++) {
      const answer = (await connection.request(`$JS.API.STREAM.MSG.GET.${stream}`, JSON.stringify({ seq }))) as {
        message?: { hdrs?: string; data?: string };
      };
      const { hdrs = '', data = '' } = answer.message ?? {};
      messages.push({
        sequence: seq,
        headers: parseHeaders(Buffer.from(hdrs, 'base64').toString('utf8')),
        payload: Buffer.from(data, 'base64'),
      });
    }
    return messages;
  } finally {
    connection.close();
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

/** Just enough of the NATS protocol: one subscription, one request at a time. */
class RawNats {
  private received = Buffer.alloc(0);
  private wake: () => void = () => undefined;

  private constructor(private readonly socket: Socket) {
    socket.on('data', (chunk) => {
      this.received = Buffer.concat([this.received, chunk]);
      this.wake();
    });
  }

  static async connect(address: string): Promise<RawNats> {
    const { hostname, port } = new URL(`tcp://${address}`);
    const socket = createConnection({ host: hostname, port: Number(port) });
    await once(socket, 'connect');
    const connection = new RawNats(socket);
    socket.write(`CONNECT {"verbose":false,"pedantic":false}${CRLF}SUB inbox 1${CRLF}`);
    return connection;
  }

  async request(subject: string, body: string): Promise<unknown> {
    this.socket.write(`PUB ${subject} inbox ${Buffer.byteLength(body)}${CRLF}${body}${CRLF}`);
    const deadline = performance.now() + TIMEOUT_MS;
    while (performance.now() < deadline) {
      const message = this.takeMessage();
      if (message !== null) return JSON.parse(message);
      await this.moreData();
    }
    throw new TestServerError({ message: `nats-server did not answer ${subject}`, remedy: 'Look at its log.' });
  }

  close(): void {
    this.socket.destroy();
  }

  /** The next MSG's payload; answers PING on the way, skips INFO and +OK. */
  private takeMessage(): string | null {
    while (true) {
      const end = this.received.indexOf(CRLF);
      if (end < 0) return null;
      const line = this.received.subarray(0, end).toString();
      if (line.startsWith('MSG ')) {
        const size = Number(line.split(' ').at(-1));
        const start = end + CRLF.length;
        if (this.received.length < start + size + CRLF.length) return null;
        const payload = this.received.subarray(start, start + size).toString();
        this.received = this.received.subarray(start + size + CRLF.length);
        return payload;
      }
      if (line.startsWith('PING')) this.socket.write(`PONG${CRLF}`);
      this.received = this.received.subarray(end + CRLF.length);
    }
  }

  private async moreData(): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, 1000);
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
