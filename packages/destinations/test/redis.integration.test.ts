import { destinationConformance, localServers, type RedisServer, type Servers } from '@tidemark/testing';
import { afterAll, beforeAll } from 'vitest';
import { CHECKPOINT, PREFIX, redisClients } from './support/redis-client.js';

let servers: Servers;
let redis: RedisServer;

beforeAll(async () => {
  servers = localServers();
  redis = await servers.redis();
});

afterAll(() => servers?.[Symbol.asyncDispose]());

const open = redisClients();

destinationConformance('RedisDestination', async () => {
  await redis.redisCli(['FLUSHALL']);
  return {
    client: async () => open(redis),
    garbleCheckpoint: async () => {
      await redis.redisCli(['SET', CHECKPOINT, 'not a checkpoint']);
    },
    write: async (key, value) => {
      await redis.redisCli(value === null ? ['DEL', PREFIX + key] : ['SET', PREFIX + key, value]);
    },
  };
});
