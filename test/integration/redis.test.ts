import {
  conftoolKeyspace,
  differing,
  EtcdGateway,
  type EtcdServer,
  loadKeys,
  localServers,
  type NatsServer,
  NO_BRAKES,
  Pipeline,
  Random,
  type RedisServer,
  readKeys,
  readRedisKeys,
  runWorkload,
  type Servers,
} from '@tidemark/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';

const SEED = Number(process.env['TIDEMARK_SEED'] ?? 2402);

let servers: Servers;
let source: EtcdServer;
let redis: RedisServer;
let nats: NatsServer;
let pipeline: Pipeline | undefined;

beforeAll(async () => {
  servers = localServers();
  [source, redis, nats] = await Promise.all([servers.etcd(), servers.redis(), servers.nats()]);
});

afterAll(async () => {
  await pipeline?.[Symbol.asyncDispose]();
  await servers?.[Symbol.asyncDispose]();
});

/** What the routes make of the source, said a second time and independently. */
async function wanted(): Promise<Map<string, Buffer>> {
  const conftool = await readKeys({ server: source, prefix: '/conftool/' });
  const app = await readKeys({ server: source, prefix: '/app/' });
  const taken = [...app].filter(([key]) => !key.startsWith('/app/private/'));
  return new Map([...conftool, ...taken.map(([key, value]) => [key.replace('/app/', 'mirror/'), value] as const)]);
}

it(`replicates real traffic into Redis, verifies and plans while it goes on (seed ${SEED})`, {
  timeout: 180_000,
}, async () => {
  const random = new Random(SEED);
  const gateway = new EtcdGateway(source.url);
  await loadKeys(source, conftoolKeyspace({ seed: SEED, keys: 2_000 }));
  await redis.redisCli(['SET', 'elsewhere', 'not ours']);
  await redis.redisCli(['SET', 'conf:/conftool/v1/leftover', 'goes away']);
  const routes = [{ prefix: '/conftool/' }, { prefix: '/app/', rewrite: 'mirror/', exclude: ['/app/private/'] }];
  const cache = { name: 'cache', kind: 'redis', url: redis.url, keyPrefix: 'conf:', routes, brakes: NO_BRAKES };
  pipeline = await Pipeline.start({ source, nats, destinations: [cache], nodes: 2 });
  const node = pipeline.anyNode;
  await node.reached('cache', await gateway.revision());

  const prefixes = ['/conftool/random/', '/app/', '/app/private/', '/elsewhere/'] as const;
  let busy = true;
  const traffic = runWorkload(gateway, { operations: 4_000, random, prefixes, keysPerPrefix: 300 }).finally(() => {
    busy = false;
  });
  let verified = 0;
  while (busy) {
    const { code, stdout, stderr } = await node.command('verify', 'cache');
    expect({ code, stdout, stderr }).toMatchObject({ code: 0 });
    verified++;
    // What is only in motion is no difference.
    expect(await node.output('resync --plan', 'cache')).toMatchObject({ missing: 0, different: 0, extra: 0 });
  }
  await traffic;
  expect(verified).toBeGreaterThan(0);
  await node.reached('cache', await gateway.revision());

  const atSource = await wanted();
  expect(differing(atSource, await readRedisKeys(redis, 'conf:'))).toEqual([]);
  expect(atSource.size).toBeGreaterThan(2_000);
  expect(await redis.redisCli(['GET', 'elsewhere'])).toBe('not ours');

  await redis.redisCli(['SET', 'conf:/conftool/v1/stray', 'x']);
  const after = await node.command('verify', 'cache');
  expect(after).toMatchObject({ code: 1, stdout: expect.stringContaining('/conftool/v1/stray') });
  const plan = await node.command('resync', 'cache', '--plan');
  expect(plan.stdout).toContain('0 keys would appear, 0 would change, 1 would disappear');
});
