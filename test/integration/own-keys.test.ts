import {
  EtcdGateway,
  type EtcdServer,
  localServers,
  type NatsServer,
  NO_BRAKES,
  Pipeline,
  type RedisServer,
  readKeys,
  readRedisKeys,
  type Servers,
} from '@tidemark/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';

/** Coordination lives in the source, as it does by default, and a destination takes everything there is. */

const KEYS = 20;

let servers: Servers;
let source: EtcdServer;
let destination: EtcdServer;
let redis: RedisServer;
let nats: NatsServer;
let pipeline: Pipeline | undefined;

beforeAll(async () => {
  servers = localServers();
  [source, destination, redis, nats] = await Promise.all([
    servers.etcd(),
    servers.etcd(),
    servers.redis(),
    servers.nats(),
  ]);
  const gateway = new EtcdGateway(source.url);
  for (let index = 0; index < KEYS; index++) await gateway.put(`/conf/${index}`, `value ${index}`);
});

afterAll(async () => {
  await pipeline?.[Symbol.asyncDispose]();
  await servers?.[Symbol.asyncDispose]();
});

it('elections in the source are nobody else’s content: verify, repair and plan find nothing', async () => {
  const brakes = NO_BRAKES;
  const cache = { name: 'cache', kind: 'redis', url: redis.url, routes: [{ prefix: '/' }], brakes };
  const routes = [{ prefix: '/', rewrite: '/copy/' }];
  const codfw = { name: 'codfw', kind: 'etcd', endpoints: [destination.url], routes, brakes };
  pipeline = await Pipeline.start({ source, nats, destinations: [cache, codfw], nodes: 1 });
  const node = pipeline.anyNode;
  for (const name of ['cache', 'codfw']) {
    await node.reached(name, await new EtcdGateway(source.url).revision());
    expect(await node.output('resync --plan', name)).toMatchObject({ missing: 0, different: 0, extra: 0 });
    for (const options of [[], ['--repair']]) {
      const { code, stdout, stderr } = await node.command('verify', name, ...options);
      expect({ name, options, code, stdout, stderr }).toMatchObject({ code: 0 });
    }
  }
  const own = (keys: ReadonlyMap<string, Buffer>) => [...keys.keys()].filter((key) => key.includes('__tidemark/'));
  // They are there to be found.
  expect(own(await readKeys({ server: source, prefix: '/' })).length).toBeGreaterThan(0);
  expect(own(await readKeys({ server: destination, prefix: '/copy/' }))).toEqual([]);
  const atRedis = own(await readRedisKeys(redis, '/'));
  expect(atRedis).toEqual([]);
});

it('one key of another type is named by a repair, and the others are repaired', async () => {
  if (pipeline === undefined) throw new Error('the pipeline of the test before is gone');
  await redis.redisCli(['DEL', '/conf/1']);
  await redis.redisCli(['RPUSH', '/conf/1', 'somebody', 'else']);
  for (const key of ['/conf/2', '/conf/3']) await redis.redisCli(['SET', key, 'foreign']);
  const { code, stdout } = await pipeline.anyNode.command('verify', 'cache', '--repair');
  expect(code).toBe(1);
  expect(stdout).toContain('Put 2, deleted 0.');
  expect(stdout).toMatch(/^Not repaired: \/conf\/1: WRONG_TYPE: .*holds a list/m);
  expect(await redis.redisCli(['GET', '/conf/2'])).toBe('value 2');
  expect(await redis.redisCli(['LLEN', '/conf/1'])).toBe('2');
});
