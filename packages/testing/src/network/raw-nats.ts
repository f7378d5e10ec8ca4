import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import { Bell } from '@tidemark/core';
import { TestServerError } from './errors.js';

const TIMEOUT_MS = 30_000;
const CRLF = '\r\n';

/** Just enough of the NATS protocol: one subscription, one request at a time. */
export class RawNats {
  private received = Buffer.alloc(0);
  private readonly arrived = new Bell();

  private constructor(private readonly socket: Socket) {
    socket.on('data', (chunk) => {
      this.received = Buffer.concat([this.received, chunk]);
      this.arrived.ring();
    });
    // A server that goes away shows as an answer that does not come.
    socket.on('error', () => socket.destroy());
  }

  static async connect(address: string): Promise<RawNats> {
    const { hostname, port } = new URL(`tcp://${address}`);
    const socket = createConnection({ host: hostname, port: Number(port) });
    await once(socket, 'connect');
    const connection = new RawNats(socket);
    socket.write(`CONNECT {"verbose":false,"pedantic":false}${CRLF}SUB inbox 1${CRLF}`);
    return connection;
  }

  /** The JSON answer to a JSON request, e.g. to `$JS.API.STREAM.CREATE.NAME`, or to a message for a stream. */
  async request(subject: string, body: string, timeoutMs = TIMEOUT_MS): Promise<unknown> {
    this.socket.write(`PUB ${subject} inbox ${Buffer.byteLength(body)}${CRLF}${body}${CRLF}`);
    const deadline = performance.now() + timeoutMs;
    while (performance.now() < deadline) {
      const message = this.takeMessage();
      if (message !== null) return JSON.parse(message);
      await this.arrived.wait(AbortSignal.timeout(1_000));
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
}
