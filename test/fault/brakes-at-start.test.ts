import {
  EtcdGateway,
  type EtcdServer,
  localServers,
  type NatsServer,
  Pipeline,
  type RedisServer,
  type Servers,
  until,
} from '@tidemark/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

/** More than the brake lets pass unseen. */
const CHANGES = 60;
const STARTS = 4;
const AGE_SECONDS = 6;

let servers: Servers;
let nats: NatsServer;
let redis: RedisServer;
let source: EtcdServer;
let destination: EtcdServer;

beforeAll(async () => {
  servers = localServers();
  [nats, redis, source, destination] = await Promise.all([
    servers.nats(),
    servers.redis(),
    servers.etcd(),
    servers.etcd(),
  ]);
});

afterAll(async () => {
  await servers[Symbol.asyncDispose]();
});

/** Both kinds of destinations under the same brakes; coordination is in the source. */
async function prepare(name: string, brakes: object): Promise<Pipeline> {
  const common = { brakes, routes: [{ prefix: `/${name}/` }] };
  return await Pipeline.prepare({
    ...{ name, source, nats, nodes: 2, journal: { maxBytes: '64MiB' } },
    destinations: [
      { name: 'replica', kind: 'etcd', endpoints: [destination.url], ...common },
      { name: 'cache', kind: 'redis', url: redis.url, keyPrefix: 'c:', ...common },
    ],
  });
}

/** What each destination has of these keys, by an independent client. */
async function written(prefix: string): Promise<{ etcd: number; redis: number }> {
  const [etcd, keys] = await Promise.all([
    destination.etcdctl(['get', prefix, '--prefix', '--keys-only']),
    redis.redisCli(['KEYS', `c:${prefix}*`]),
  ]);
  const count = (text: string) => text.split('\n').filter((line) => line.includes(prefix)).length;
  return { etcd: count(etcd.toString()), redis: count(keys) };
}

async function held(pipeline: Pipeline, brake: string): Promise<void> {
  for (const name of ['replica', 'cache']) {
    const seen = await pipeline.anyNode.showsState(name, 'held');
    expect(seen.hold).toMatchObject({ brake });
    expect(seen.reason).toContain(`${CHANGES} `);
  }
}

describe('a backlog that was made while all nodes were down', () => {
  it('is held at every start, whichever is faster, leader or worker', async () => {
    const name = 'starts';
    const gateway = new EtcdGateway(source.url);
    await using pipeline = await prepare(name, { maxBacklogChanges: 10 });
    await pipeline.start();
    await gateway.put(`/${name}/first`, 'x');
    await pipeline.anyNode.reached('replica', await gateway.revision());
    await pipeline.anyNode.reached('cache', await gateway.revision());
    for (let start = 0; start < STARTS; start++) {
      await pipeline.stop();
      for (let n = 0; n < CHANGES; n++) await gateway.put(`/${name}/${start}/${n}`, 'x');
      await pipeline.start();
      await held(pipeline, 'backlog_changes');
      expect(await written(`/${name}/${start}/`)).toEqual({ etcd: 0, redis: 0 });
      for (const each of ['replica', 'cache']) {
        const { stdout } = await pipeline.anyNode.command('resync', each, '--plan');
        expect(stdout).toContain(`${CHANGES} keys would appear, 0 would change, 0 would disappear`);
      }
      for (const each of ['replica', 'cache']) expect(await pipeline.anyNode.approve(each)).toMatchObject({ code: 0 });
      await until(async () => (await written(`/${name}/${start}/`)).etcd === CHANGES, { describe: 'the etcd keys' });
      await until(async () => (await written(`/${name}/${start}/`)).redis === CHANGES, { describe: 'the Redis keys' });
      await pipeline.anyNode.reached('replica', await gateway.revision());
      await pipeline.anyNode.reached('cache', await gateway.revision());
    }
  });

  it('is held by its age, although the leader journals it only now', async () => {
    const name = 'aged';
    const gateway = new EtcdGateway(source.url);
    await using pipeline = await prepare(name, { maxBacklogAge: `${AGE_SECONDS}s` });
    await pipeline.start();
    await gateway.put(`/${name}/first`, 'x');
    await pipeline.anyNode.reached('replica', await gateway.revision());
    await pipeline.anyNode.reached('cache', await gateway.revision());
    await pipeline.kill();
    const made = performance.now();
    for (let n = 0; n < CHANGES; n++) await gateway.put(`/${name}/late/${n}`, 'x');
    await until(() => performance.now() - made > AGE_SECONDS * 1_500, { timeoutMs: 60_000, describe: 'the age' });
    await pipeline.start();
    await held(pipeline, 'backlog_age');
    expect(await written(`/${name}/late/`)).toEqual({ etcd: 0, redis: 0 });
  });
});
