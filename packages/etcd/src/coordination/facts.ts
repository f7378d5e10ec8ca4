import { prefixRange, type SharedFacts } from '@tidemark/core';
import type { EtcdClient } from '../client/client.js';
import { RANGE, TXN } from '../client/methods.js';
import { TO_THE_END } from '../watch/watch.js';

/**
 * Facts as keys of the coordination etcd, without a lease. They are written rarely: where coordination is in the source,
 * every write comes back through the tail.
 */
export class EtcdFacts implements SharedFacts {
  /** `prefix` ends with "/". */
  constructor(
    private readonly client: EtcdClient,
    private readonly prefix: string,
  ) {}

  async read(name: string, signal: AbortSignal): Promise<string | null> {
    const { kvs } = await this.client.call(RANGE, { key: this.key(name) }, { kind: 'read', signal });
    return kvs[0]?.value.toString('utf8') ?? null;
  }

  async list(prefix: string, signal: AbortSignal): Promise<ReadonlyMap<string, string>> {
    const { start, end } = prefixRange(this.key(prefix));
    const request = { key: start, range_end: end ?? TO_THE_END };
    const { kvs } = await this.client.call(RANGE, request, { kind: 'read', signal });
    return new Map(kvs.map(({ key, value }) => [key.toString().slice(this.prefix.length), value.toString('utf8')]));
  }

  async write(name: string, fact: string, signal: AbortSignal): Promise<void> {
    const put = { key: this.key(name), value: Buffer.from(fact) };
    await this.client.call(TXN, { success: [{ request_put: put }] }, { kind: 'write', repeatable: true, signal });
  }

  async remove(name: string, signal: AbortSignal): Promise<void> {
    const request = { success: [{ request_delete_range: { key: this.key(name) } }] };
    await this.client.call(TXN, request, { kind: 'write', repeatable: true, signal });
  }

  async removeExactly(name: string, fact: string, signal: AbortSignal): Promise<void> {
    const key = this.key(name);
    const unchanged = { key, target: 'Value', result: 'Equal', value: Buffer.from(fact) } as const;
    const request = { compare: [unchanged], success: [{ request_delete_range: { key } }] };
    // Repeatable: the compare lets a repeat remove this very fact and no other one.
    await this.client.call(TXN, request, { kind: 'write', repeatable: true, signal });
  }

  private key(name: string): Buffer {
    return Buffer.from(this.prefix + name);
  }
}
