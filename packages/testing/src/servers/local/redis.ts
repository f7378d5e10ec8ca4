import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { binary } from '../binary.js';
import type { RedisOptions, RedisServer } from '../contract.js';
import { redisHandle } from '../handles.js';
import { freePort } from '../ports.js';
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
    ...(options.flags ?? []),
  ];
  const command = binary('redis-server');
  const process = new ServerProcess({
    name: 'redis-server',
    command,
    args: () => args,
    ready: () => redisAnswers(port),
  });
  atEnd(() => process.kill());
  await process.start();
  return redisHandle(port, process);
}
