import { EtcdGateway, type GatewayOperation } from '../network/gateway.js';
import type { EtcdServer } from '../servers/contract.js';
import type { KeyAndValue } from './keyspace.js';

export interface LoadOptions {
  /** Puts in one transaction, which is one revision. At most 128, etcd's default limit, which is also the default. */
  readonly perRevision?: number;
}

/** Puts keys in large transactions, for tests that need a keyspace to be there. Returns the last one's revision. */
export async function loadKeys(
  server: EtcdServer,
  pairs: Iterable<KeyAndValue>,
  { perRevision = 128 }: LoadOptions = {},
): Promise<number> {
  const gateway = new EtcdGateway(server.url);
  let revision = 0;
  let puts: GatewayOperation[] = [];
  for (const { key, value } of pairs) {
    puts.push({ kind: 'put', key: Buffer.from(key), value: Buffer.from(value) });
    if (puts.length < perRevision) continue;
    revision = await gateway.transaction(puts);
    puts = [];
  }
  return puts.length > 0 ? gateway.transaction(puts) : revision;
}
