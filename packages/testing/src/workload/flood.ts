import { once } from 'node:events';
import { Agent, type IncomingMessage, request } from 'node:http';
import { TestServerError } from '../network/errors.js';

/** More requests under way at once make etcd commit more of them in one write to its disk. */
const CONCURRENCY = 128;
const TIMEOUT_MS = 30_000;

export interface FloodOptions {
  /** `http://host:port` of an etcd. */
  readonly url: string;
  readonly keys: number;
  /** Name of the n-th key, from 0. */
  readonly keyOf: (n: number) => string;
}

/**
 * Puts many keys, each in a revision of its own and never again, through etcd's JSON gateway: some thousands a second,
 * three times what fetch does. In no order.
 */
export async function flood({ url, keys, keyOf }: FloodOptions): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: CONCURRENCY });
  let next = 0;
  const writer = async () => {
    while (next < keys) await put(agent, url, keyOf(next++));
  };
  try {
    await Promise.all(Array.from({ length: CONCURRENCY }, writer));
  } finally {
    agent.destroy();
  }
}

async function put(agent: Agent, url: string, key: string): Promise<void> {
  const body = JSON.stringify({ key: Buffer.from(key).toString('base64'), value: 'eA==' });
  const asked = request(`${url}/v3/kv/put`, { method: 'POST', agent, timeout: TIMEOUT_MS });
  asked.on('timeout', () => asked.destroy(new Error(`no answer within ${TIMEOUT_MS} ms`)));
  asked.end(body);
  const [answer] = (await once(asked, 'response')) as [IncomingMessage];
  answer.resume();
  await once(answer, 'end');
  if (answer.statusCode === 200) return;
  throw new TestServerError({ message: `etcd answered ${answer.statusCode} to a put`, remedy: 'Look at its log.' });
}
