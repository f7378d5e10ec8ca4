import {
  differing,
  EtcdGateway,
  type EtcdServer,
  FaultProxy,
  localServers,
  type NatsServer,
  Pipeline,
  RedisMonitor,
  type RedisServer,
  readKeys,
  readRedisKeys,
  type Servers,
  until,
} from '@tidemark/testing';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';

let servers: Servers;
let source: EtcdServer;
let nats: NatsServer;
let gateway: EtcdGateway;
/** Each case has a pipeline, a stream and a prefix of its own. */
let name: string;
let cases = 0;

beforeAll(async () => {
  servers = localServers();
  [source, nats] = await Promise.all([servers.etcd(), servers.nats()]);
  gateway = new EtcdGateway(source.url);
});

afterAll(() => servers?.[Symbol.asyncDispose]());

beforeEach(() => {
  name = `redis${++cases}`;
});

const PREFIX = 'replica:';
const VOLATILE = ['--appendonly', 'no'];

function start(address: string, options: { nodes?: number } = {}): Promise<Pipeline> {
  const routes = [{ prefix: `/${name}/` }];
  const brakes = { maxDeletes: 'off', maxDeletePercent: 'off' };
  const destination = { name: 'cache', kind: 'redis', url: `redis://${address}/0`, keyPrefix: PREFIX, routes, brakes };
  const journal = { maxBytes: '128MiB' };
  return Pipeline.start({ name, source, nats, destinations: [destination], journal, nodes: options.nodes ?? 2 });
}

/** Puts keys that are put once and never again, and returns the last revision. */
async function write(what: string, count: number, value = what): Promise<number> {
  let revision = 0;
  for (let n = 0; n < count; n++) revision = await gateway.put(`/${name}/${what}/${n}`, value);
  return revision;
}

async function replicaOf(address: string): Promise<RedisServer> {
  const replica = await servers.redis({ flags: [...VOLATILE, '--replicaof', address.replace(':', ' ')] });
  const linked = async () => (await replica.redisCli(['INFO', 'replication'])).includes('master_link_status:up');
  await until(linked, { describe: 'a replica in step' });
  return replica;
}

async function exists(redis: RedisServer, key: string): Promise<boolean> {
  return (await redis.redisCli(['EXISTS', `${PREFIX}/${name}/${key}`])) === '1';
}

/** Read by redis-cli and etcdctl: none of the code under test takes part. */
async function expectEqual(redis: RedisServer, keys: number): Promise<void> {
  const wanted = await readKeys({ server: source, prefix: `/${name}/` });
  expect(differing(wanted, await readRedisKeys(redis, PREFIX))).toEqual([]);
  expect(wanted.size).toBe(keys);
}

it('goes back and applies again what a failover to a replica that lagged took away', async () => {
  const master = await servers.redis({ flags: VOLATILE });
  await using link = await FaultProxy.start(master.address);
  const replica = await replicaOf(link.address);
  using witness = await RedisMonitor.start(replica);
  await using floating = await FaultProxy.start(master.address);
  await using pipeline = await start(floating.address);
  const node = pipeline.anyNode;
  await node.reached('cache', await write('before', 50));
  await until(() => exists(replica, 'before/49'), { describe: 'the replica in step' });

  link.blackHole();
  await node.reached('cache', await write('lost', 50));
  expect([await exists(master, 'lost/49'), await exists(replica, 'lost/0')]).toEqual([true, false]);
  const writing = write('during', 200);
  await until(() => exists(master, 'during/20'), { describe: 'writes while the address moves' });
  await replica.redisCli(['REPLICAOF', 'NO', 'ONE']);
  floating.redirect(replica.address);
  await master.kill();
  // The fault is there: acknowledged writes were not at the new master, nor was the checkpoint after them.
  expect(floating.counters.cut).toBeGreaterThan(0);

  await writing;
  await node.reached('cache', await gateway.revision());
  await expectEqual(replica, 300);
  expect(await pipelineCounter(pipeline, 'tidemark_fenced_total', 'role="worker"')).toBeGreaterThan(0);
  const sets = witness.sets(`${PREFIX}/${name}/`);
  expect(sets.size).toBe(300);
  expect([...sets].filter(([, times]) => times !== 1)).toEqual([]);
  expect((await node.command('verify', 'cache')).stdout).toContain('equal');
});

it('repairs again what a failover to a replica that lagged took away', async () => {
  const master = await servers.redis({ flags: VOLATILE });
  await using link = await FaultProxy.start(master.address);
  const replica = await replicaOf(link.address);
  await using floating = await FaultProxy.start(master.address);
  await using pipeline = await start(floating.address);
  const node = pipeline.anyNode;
  await node.reached('cache', await write('key', 50));
  const drifted = `${PREFIX}/${name}/key/7`;
  await master.redisCli(['SET', drifted, 'foreign']);
  const at = async (server: RedisServer) => await server.redisCli(['GET', drifted]);
  await until(async () => (await at(replica)) === 'foreign', { describe: 'the drift at the replica' });

  link.blackHole();
  const owner = (await node.status()).destinations[0]?.owner;
  const repairing = pipeline.nodes.find(({ id }) => id === owner) ?? node;
  expect((await repairing.command('verify', 'cache', '--repair')).stderr).not.toContain('rror');
  // The fault is there: the repair is at the master, and nothing else has happened that the replica lacks.
  expect([await at(master), await at(replica)]).toEqual(['key', 'foreign']);
  await replica.redisCli(['REPLICAOF', 'NO', 'ONE']);
  floating.redirect(replica.address);
  await master.kill();

  await until(async () => (await at(replica)) === 'key', { describe: 'the key repaired again', timeoutMs: 60_000 });
  await node.reached('cache', await write('afterwards', 1));
  await expectEqual(replica, 51);
  expect((await node.command('verify', 'cache')).stdout).toContain('equal');
});

it('brings a server that lost everything up by difference', async () => {
  const redis = await servers.redis({ flags: VOLATILE });
  await using pipeline = await start(redis.address);
  const node = pipeline.anyNode;
  await node.reached('cache', await write('a', 100));
  await redis.kill();
  const writing = write('b', 100);
  await redis.start();
  expect(await exists(redis, 'a/0')).toBe(false);
  await writing;
  await node.reached('cache', await gateway.revision());
  await until(() => exists(redis, 'a/0'), { describe: 'what was there before' });
  await node.reached('cache', await write('c', 1));
  await expectEqual(redis, 201);
});

it('writes everything once although answers are lost', async () => {
  const redis = await servers.redis();
  using witness = await RedisMonitor.start(redis);
  await using proxy = await FaultProxy.start(redis.address);
  await using pipeline = await start(proxy.address, { nodes: 1 });
  await pipeline.anyNode.reached('cache', await write('before', 10));
  const total = 600;
  const writing = write('key', total);
  for (let written = 0; written < total; written += 50) {
    await until(() => exists(redis, `key/${written}`), { describe: `key ${written}`, timeoutMs: 60_000 });
    proxy.dropReply(1);
  }
  await writing;
  await pipeline.anyNode.reached('cache', await gateway.revision());
  expect(proxy.counters.droppedReplies).toBeGreaterThan(5);
  await expectEqual(redis, total + 10);
  const sets = witness.sets(`${PREFIX}/${name}/`);
  expect(sets.size).toBe(total + 10);
  expect([...sets].filter(([, times]) => times !== 1)).toEqual([]);
});

it('begins a resync again when a failover takes a part of it away', async () => {
  const value = 'v'.repeat(20_000);
  const keys = 800;
  await write('big', keys, value);
  const master = await servers.redis({ flags: VOLATILE });
  await using link = await FaultProxy.start(master.address);
  const replica = await replicaOf(link.address);
  await using floating = await FaultProxy.start(master.address);
  floating.delay(20);
  await using pipeline = await start(floating.address);
  const size = async (redis: RedisServer) => Number(await redis.redisCli(['DBSIZE']));
  await until(async () => (await size(replica)) > 50, { describe: 'the replica with a part', timeoutMs: 60_000 });
  link.blackHole();
  const lagging = await size(replica);
  await until(async () => (await size(master)) > lagging + 100, { describe: 'a master that is ahead' });
  expect(await replica.redisCli(['GET', `${PREFIX}__tidemark__/${name}/cache/checkpoint`])).toContain('"attempt":1');
  await replica.redisCli(['REPLICAOF', 'NO', 'ONE']);
  // No pause in between: the worker's next attempt finds its mark, and not what it wrote under it.
  floating.redirect(replica.address);
  await master.kill();
  floating.delay(0);
  await pipeline.anyNode.reached('cache', await gateway.revision());
  await expectEqual(replica, keys);
});

async function pipelineCounter({ nodes }: Pipeline, metric: string, label: string): Promise<number> {
  const values = await Promise.all(nodes.map((node) => node.metric(metric, label)));
  return values.reduce((sum, value) => sum + value, 0);
}
