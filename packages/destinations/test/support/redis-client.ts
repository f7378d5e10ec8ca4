import { type ApplyRequest, type Logger, silentLogger, type Write } from '@tidemark/core';
import { checkpointAt, type RedisServer } from '@tidemark/testing';
import { afterEach } from 'vitest';
import { RedisDestination, type RedisDestinationOptions } from '../../src/index.js';

export const PREFIX = 'conf:';
export const CHECKPOINT = `${PREFIX}__tidemark__/test/cache/checkpoint`;

export function put(key: string, value: string): Write {
  return { kind: 'put', key: Buffer.from(key), value: Buffer.from(value) };
}

export function remove(key: string): Write {
  return { kind: 'delete', key: Buffer.from(key) };
}

/** Moves the checkpoint from one revision (null: none) to the next one given. */
export function move(from: number | null, to: number, writes: readonly Write[] = []): ApplyRequest {
  return { writes, expected: from === null ? null : checkpointAt(from), next: checkpointAt(to) };
}

/** Opens destinations that are closed when the test is over. */
export function redisClients(): (
  where: Partial<RedisDestinationOptions> | Pick<RedisServer, 'url'>,
  logger?: Logger,
) => RedisDestination {
  const opened: RedisDestination[] = [];
  afterEach(async () => {
    for (const destination of opened.splice(0)) await destination.close();
  });
  return (where, logger = silentLogger) => {
    const { url, sentinel, cluster, tls, auth, keyPrefix = PREFIX }: Partial<RedisDestinationOptions> = where;
    const options = { url, sentinel, cluster, tls, auth, keyPrefix, path: 'test/cache', logger };
    const destination = new RedisDestination(options);
    opened.push(destination);
    return destination;
  };
}
