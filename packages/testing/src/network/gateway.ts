import { TestServerError } from './errors.js';

const TIMEOUT_MS = 30_000;

/** Bytes as etcd's JSON gateway wants them. */
function base64(bytes: string | Buffer): string {
  return Buffer.from(bytes as string).toString('base64');
}

export interface HistoryEvent {
  readonly kind: 'put' | 'delete';
  /** A character for each byte. */
  readonly key: string;
  readonly revision: number;
}

interface WatchEvent {
  readonly type?: 'DELETE';
  readonly kv: { readonly key: string; readonly mod_revision: string };
}

function toHistoryEvent({ type, kv }: WatchEvent): HistoryEvent {
  const key = Buffer.from(kv.key, 'base64').toString('latin1');
  return { kind: type === 'DELETE' ? 'delete' : 'put', key, revision: Number(kv.mod_revision) };
}

export type GatewayOperation =
  | { readonly kind: 'put'; readonly key: Buffer; readonly value: Buffer; readonly lease?: string }
  | { readonly kind: 'delete'; readonly key: Buffer };

/**
 * etcd's own JSON gateway: writes fast enough for a workload, with none of the code under test. Every call returns the
 * revision of the store after it.
 */
export class EtcdGateway {
  constructor(private readonly url: string) {}

  /** One transaction, hence one revision. At most 128 operations, each key once. */
  async transaction(operations: readonly GatewayOperation[]): Promise<number> {
    const success = operations.map((operation) =>
      operation.kind === 'put'
        ? { requestPut: { key: base64(operation.key), value: base64(operation.value), lease: operation.lease ?? '0' } }
        : { requestDeleteRange: { key: base64(operation.key) } },
    );
    return await this.post('/v3/kv/txn', { success });
  }

  async put(key: string | Buffer, value: string | Buffer): Promise<number> {
    return await this.post('/v3/kv/put', { key: base64(key), value: base64(value) });
  }

  /** A key's value, null when it is not there. */
  async get(key: string | Buffer): Promise<Buffer | null> {
    const answer = (await this.request('/v3/kv/range', { key: base64(key) })) as { kvs?: { value?: string }[] };
    const found = answer.kvs?.[0];
    return found === undefined ? null : Buffer.from(found.value ?? '', 'base64');
  }

  /** Values by key below a prefix; keys with a character for each byte. */
  async list(prefix: string): Promise<Map<string, Buffer>> {
    const end = Buffer.from(prefix);
    end[end.length - 1] = (end[end.length - 1] ?? 0) + 1;
    const answer = (await this.request('/v3/kv/range', { key: base64(prefix), rangeEnd: base64(end) })) as {
      kvs?: { key: string; value?: string }[];
    };
    const bytes = (text = '') => Buffer.from(text, 'base64');
    return new Map((answer.kvs ?? []).map(({ key, value }) => [bytes(key).toString('latin1'), bytes(value)]));
  }

  async delete(key: string | Buffer): Promise<number> {
    return await this.post('/v3/kv/deleterange', { key: base64(key) });
  }

  /** Returns the lease id. */
  async grantLease(ttlSeconds: number): Promise<string> {
    return ((await this.request('/v3/lease/grant', { TTL: ttlSeconds })) as { ID: string }).ID;
  }

  /** Deletes every key of the lease, in one revision. */
  async revokeLease(id: string): Promise<void> {
    await this.request('/v3/kv/lease/revoke', { ID: id });
  }

  /** Physical compaction: returns when the history is really gone. */
  async compact(revision: number): Promise<void> {
    await this.request('/v3/kv/compaction', { revision, physical: true });
  }

  /** The store's newest revision. */
  async revision(): Promise<number> {
    return await this.post('/v3/kv/range', { key: base64('\0'), countOnly: true });
  }

  /** Everything that happened from one revision to another (both inclusive), from the watch of the server itself. */
  async history(fromRevision: number, toRevision: number): Promise<HistoryEvent[]> {
    const create = { key: base64('\0'), range_end: base64('\0'), start_revision: String(fromRevision) };
    const response = await fetch(`${this.url}/v3/watch`, {
      method: 'POST',
      body: JSON.stringify({ create_request: create }),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const events: HistoryEvent[] = [];
    if (response.body === null || fromRevision > toRevision) return events;
    for await (const line of lines(response.body)) {
      const { result } = JSON.parse(line) as { result: { events?: WatchEvent[]; compact_revision?: string } };
      if (result.compact_revision !== undefined) {
        throw new TestServerError({
          message: `revision ${fromRevision} is compacted`,
          remedy: 'Read the history before compacting it.',
        });
      }
      for (const event of result.events ?? []) events.push(toHistoryEvent(event));
      if ((events.at(-1)?.revision ?? 0) >= toRevision) break;
    }
    return events.filter(({ revision }) => revision <= toRevision);
  }

  private async post(path: string, body: object): Promise<number> {
    const answer = (await this.request(path, body)) as { header: { revision: string } };
    return Number(answer.header.revision);
  }

  private async request(path: string, body: object): Promise<unknown> {
    const response = await fetch(`${this.url}${path}`, {
      method: 'POST',
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const text = await response.text();
    if (!response.ok) {
      throw new TestServerError({
        message: `etcd answered ${response.status} to ${path}: ${text}`,
        remedy: 'Look at its log.',
      });
    }
    return JSON.parse(text);
  }
}

/** Leaving the loop cancels the stream, which readline would report as an error. */
async function* lines(body: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of body) {
    const parts = `${rest}${decoder.decode(chunk, { stream: true })}`.split('\n');
    rest = parts.pop() ?? '';
    yield* parts;
  }
}
