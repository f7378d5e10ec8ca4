import { REDIS_PORT, type RedisDestinationConfig, UnavailableError } from '@tidemark/core';
import { type Endpoint, RedisConnection, type TlsOptions } from './connection.js';
import { authenticate } from './greeting.js';

export type Whereabouts = Pick<RedisDestinationConfig, 'url' | 'sentinel' | 'cluster'>;

/**
 * Servers to try, in this order, until one turns out to be the master: the one of the URL, the one the sentinels name, or
 * any node of the cluster, which leads on to the one that has our keys. Asked again for every connection.
 *
 * @throws UnavailableError when no sentinel knows the master
 */
export async function candidates(
  { url, sentinel, cluster }: Whereabouts,
  tls: TlsOptions | null,
  signal: AbortSignal,
): Promise<readonly Endpoint[]> {
  if (sentinel !== undefined) return [await askSentinels(sentinel, tls, signal)];
  if (cluster !== undefined) return cluster.addresses.map(parseAddress);
  const { hostname, port } = new URL(url ?? 'redis://localhost');
  return [{ host: unbracketed(hostname), port: Number(port || REDIS_PORT) }];
}

/** The database of the URL, or the sentinels'; a cluster has only one. */
export function databaseOf({ url, sentinel }: Whereabouts): number {
  return sentinel?.database ?? Number(new URL(url ?? 'redis://localhost').pathname.slice(1));
}

/** For messages. */
export function describeWhereabouts({ url, sentinel, cluster }: Whereabouts): string {
  return url ?? [...(sentinel?.addresses ?? []), ...(cluster?.addresses ?? [])].join(', ');
}

/** `host:port`, `[::1]:port`. */
export function parseAddress(address: string): Endpoint {
  const colon = address.lastIndexOf(':');
  return { host: unbracketed(address.slice(0, colon)), port: Number(address.slice(colon + 1)) };
}

/** The first sentinel that knows the master is believed: what it says is checked at the server, which knows its role. */
async function askSentinels(
  sentinel: NonNullable<Whereabouts['sentinel']>,
  tls: TlsOptions | null,
  signal: AbortSignal,
): Promise<Endpoint> {
  const failures: unknown[] = [];
  for (const address of sentinel.addresses) {
    try {
      const connection = await RedisConnection.open(parseAddress(address), tls, signal);
      const master = await askSentinel(connection, sentinel, signal);
      if (master !== null) return master;
      failures.push(`the sentinel at ${address} knows no master called ${sentinel.name}`);
    } catch (error) {
      failures.push(error instanceof Error ? error.message : error);
    }
  }
  throw new UnavailableError({
    message: `No sentinel names the master: ${failures.join('; ')}`,
    remedy: 'Check sentinel.addresses and sentinel.name, and that the sentinels run.',
  });
}

async function askSentinel(
  connection: RedisConnection,
  { name, auth }: NonNullable<Whereabouts['sentinel']>,
  signal: AbortSignal,
): Promise<Endpoint | null> {
  try {
    await authenticate(connection, auth, signal);
    const args = ['GET-MASTER-ADDR-BY-NAME', name];
    const reply = await connection.call({ kind: 'read', name: 'SENTINEL', args }, signal);
    return Array.isArray(reply) ? { host: String(reply[0]), port: Number(reply[1]) } : null;
  } finally {
    connection.close();
  }
}

function unbracketed(host: string): string {
  return host.replace(/^\[(.*)\]$/, '$1');
}
