import { RawNats } from './raw-nats.js';
import { TestServerError } from './servers/errors.js';

/** One journal message as any NATS client sees it, without decoding its payload. */
export interface RawMessage {
  readonly sequence: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly payload: Buffer;
}

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
