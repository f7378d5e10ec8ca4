import { type RedisDestinationConfig, readPassword, UnavailableError } from '@tidemark/core';
import type { RedisConnection } from './connection.js';

/** What a server says of itself. */
export interface ServerFacts {
  /** New at every start of a server: with it, what the server has in memory is the same as before. */
  readonly runId: string;
  readonly inCluster: boolean;
  /** What is set otherwise than a destination needs it. */
  readonly deviations: readonly string[];
}

export interface Login {
  readonly auth: RedisDestinationConfig['auth'];
  readonly database: number;
  /** Shown by CLIENT LIST. */
  readonly clientName: string;
}

/**
 * Logs in and asks the server what it is. The password is read again each time, so that a replaced file counts.
 *
 * @throws AccessDeniedError
 * @throws UnavailableError when it is a replica, or still loads its data
 */
export async function greet(connection: RedisConnection, login: Login, signal: AbortSignal): Promise<ServerFacts> {
  const ask = (name: string, ...args: (string | number)[]) => connection.call({ kind: 'read', name, args }, signal);
  await authenticate(connection, login.auth, signal);
  await ask('CLIENT', 'SETNAME', login.clientName);
  if (login.database !== 0) await ask('SELECT', login.database);
  const info = parseInfo(await ask('INFO'));
  if (info.get('role') !== 'master') throw notMaster(connection.address);
  return {
    runId: info.get('run_id') ?? '',
    inCluster: info.get('cluster_enabled') === '1',
    deviations: evictionDeviations(info),
  };
}

/** Also logs in at a sentinel. @throws AccessDeniedError */
export async function authenticate(
  connection: RedisConnection,
  auth: Login['auth'],
  signal: AbortSignal,
): Promise<void> {
  if (auth === undefined) return;
  const args = [auth.username, readPassword(auth.passwordFile, 'auth.passwordFile')];
  await connection.call({ kind: 'read', name: 'AUTH', args }, signal);
}

/** Lines of `field:value`. */
function parseInfo(reply: unknown): ReadonlyMap<string, string> {
  const lines = String(reply).split('\r\n');
  return new Map(lines.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]));
}

/** Only keys with an expiry fall to the volatile policies, and ours have none. */
function evictionDeviations(info: ReadonlyMap<string, string>): string[] {
  const policy = info.get('maxmemory_policy') ?? 'noeviction';
  if (info.get('maxmemory') === '0' || !policy.startsWith('allkeys-')) return [];
  return [
    `maxmemory-policy is ${policy}: when memory is short, Redis silently removes replicated keys and the checkpoint. Set it to noeviction.`,
  ];
}

function notMaster(address: string): UnavailableError {
  return new UnavailableError({
    message: `Redis at ${address}: it is a replica.`,
    remedy: 'Name the master, or configure `sentinel`. After a failover Tidemark finds the new master by itself.',
  });
}
