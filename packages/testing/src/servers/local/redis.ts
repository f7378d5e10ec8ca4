import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort } from '../../network/ports.js';
import { binary } from '../binary.js';
import type { RedisOptions, RedisSentinelOptions, RedisServer } from '../contract.js';
import { redisHandle } from '../handles.js';
import { redisAnswers } from '../probe.js';
import { ServerProcess } from './server-process.js';
import type { Site } from './site.js';

/** One Redis with an append-only file, so that a kill loses nothing that was acknowledged. */
export async function startRedis({ directory, atEnd }: Site, options: RedisOptions): Promise<RedisServer> {
  const port = await freePort();
  const data = join(directory, 'redis');
  await mkdir(data, { recursive: true });
  const args = [
    ...['--bind', '127.0.0.1', '--port', String(port), '--dir', data],
    ...['--save', '', '--appendonly', 'yes', '--daemonize', 'no'],
    // A replica of a test's master catches up at once, not after the five seconds in which others could join it.
    ...['--repl-diskless-sync-delay', '0'],
    ...(options.flags ?? []),
  ];
  return await launch('redis-server', port, args, atEnd);
}

export async function startRedisSentinel(
  { directory, atEnd }: Site,
  { master, name }: RedisSentinelOptions,
): Promise<RedisServer> {
  const port = await freePort();
  // A sentinel writes what it learns into its configuration file.
  const file = join(directory, 'sentinel.conf');
  const [host, masterPort] = master.address.split(':');
  const lines = [
    `sentinel monitor ${name} ${host} ${masterPort} 1`,
    `sentinel down-after-milliseconds ${name} 1000`,
    `sentinel failover-timeout ${name} 5000`,
  ];
  await writeFile(file, `${lines.join('\n')}\n`);
  const args = [file, '--sentinel', '--bind', '127.0.0.1', '--port', String(port), '--dir', directory];
  return await launch('redis-sentinel', port, args, atEnd);
}

async function launch(name: string, port: number, args: readonly string[], atEnd: Site['atEnd']): Promise<RedisServer> {
  const command = binary('redis-server');
  const process = new ServerProcess({ name, command, args: () => args, ready: () => redisAnswers(port) });
  atEnd(() => process.kill());
  await process.start();
  return redisHandle(port, process);
}
