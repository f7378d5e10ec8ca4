import {
  EtcdGateway,
  type EtcdServer,
  FaultProxy,
  localServers,
  type NatsServer,
  Pipeline,
  RedisMonitor,
  type RedisServer,
  type Servers,
  until,
} from '@tidemark/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

let servers: Servers;
let source: EtcdServer;
let nats: NatsServer;
let gateway: EtcdGateway;
let name: string;
let cases = 0;

beforeAll(async () => {
  servers = localServers();
  [source, nats] = await Promise.all([servers.etcd(), servers.nats()]);
  gateway = new EtcdGateway(source.url);
});

afterAll(() => servers?.[Symbol.asyncDispose]());

beforeEach(() => {
  name = `pause${++cases}`;
});

/** The value of the key and the fence of the checkpoint, as they stand in a Redis. */
async function stored(redis: RedisServer): Promise<{ value: string; fencedOff: number; checkpoint: string }> {
  const value = (await redis.redisCli(['GET', `p:/${name}/key`])).toString().trim();
  const checkpoint = (await redis.redisCli(['GET', `p:__tidemark__/${name}/cache/checkpoint`])).toString().trim();
  const { fence } = JSON.parse(checkpoint) as { fence: { fencedOff: number } };
  return { value, fencedOff: fence.fencedOff, checkpoint };
}

const ROUTES = () => [{ prefix: `/${name}/` }];

describe('a pause is reported when nothing can be written any more', () => {
  it('etcd: a transaction that a dead link still holds is refused when the link comes back', async () => {
    const destination = await servers.etcd();
    // Two ways to one cluster: the transaction is on the first when it dies, and the second goes on.
    await using dying = await FaultProxy.start(destination.address);
    const endpoints = [`http://${dying.address}`, destination.url];
    const replica = { name: 'replica', kind: 'etcd', endpoints, routes: ROUTES() };
    await using pipeline = await Pipeline.start({ name, source, nats, destinations: [replica], nodes: 1 });
    const node = pipeline.anyNode;
    await node.reached('replica', await gateway.put(`/${name}/key`, 'before'));
    const value = async () =>
      (await destination.etcdctl(['get', `/${name}/key`, '--print-value-only'])).toString().trim();
    // Nothing else: a checkpoint that moves without writes, or a reading, would be another matter.
    dying.holdFrom('late');
    await gateway.put(`/${name}/key`, 'late');
    await until(() => dying.counters.held > 0, { describe: 'the transaction in the link' });
    expect((await node.command('pause', 'replica')).code).toBe(0);
    await node.showsState('replica', 'paused');
    const checkpoint = await destination.etcdctl(['get', '/__tidemark/', '--prefix', '--print-value-only']);
    expect(checkpoint.toString()).toContain('"fencedOff":1');
    const before = dying.counters.bytesToServer;
    dying.forward();
    await until(() => dying.counters.bytesToServer > before, { describe: 'what was held delivered' });
    // Whatever comes first on a connection of its own is answered after what was delivered before.
    await until(async () => (await node.destination()).state === 'paused', { describe: 'the same pause' });
    expect(await value()).toBe('before');
    await node.command('resume', 'replica');
    await node.reached('replica', await gateway.revision());
    expect(await value()).toBe('late');
  });

  it('Redis: a script that a dead link still holds is refused when the link comes back', async () => {
    const redis = await servers.redis();
    using monitor = await RedisMonitor.start(redis);
    await using link = await FaultProxy.start(redis.address);
    const cache = { name: 'cache', kind: 'redis', url: `redis://${link.address}`, keyPrefix: 'p:', routes: ROUTES() };
    await using pipeline = await Pipeline.start({ name, source, nats, destinations: [cache], nodes: 1 });
    const node = pipeline.anyNode;
    await node.reached('cache', await gateway.put(`/${name}/key`, 'before'));
    link.holdFrom('late');
    await gateway.put(`/${name}/key`, 'late');
    await until(() => link.counters.held > 0, { describe: 'the script in the link' });
    expect((await node.command('pause', 'cache')).code).toBe(0);
    await node.showsState('cache', 'paused');
    const paused = await stored(redis);
    expect(paused).toMatchObject({ value: 'before', fencedOff: 1 });
    expect(monitor.scriptsWith('late')).toBe(0);
    link.forward();
    await until(() => monitor.scriptsWith('late') > 0, { describe: 'what was held carried out' });
    expect(await stored(redis)).toEqual(paused);
    await node.command('resume', 'cache');
    await node.reached('cache', await gateway.revision());
    expect(await stored(redis)).toMatchObject({ value: 'late', fencedOff: 1 });
  });

  it('Redis: while the server is frozen the outcome is reported as not known', async () => {
    const redis = await servers.redis();
    await using link = await FaultProxy.start(redis.address);
    const cache = { name: 'cache', kind: 'redis', url: `redis://${link.address}`, keyPrefix: 'p:', routes: ROUTES() };
    await using pipeline = await Pipeline.start({ name, source, nats, destinations: [cache], nodes: 1 });
    const node = pipeline.anyNode;
    await node.reached('cache', await gateway.put(`/${name}/key`, 'before'));
    // The link makes certain that the server freezes over this change, and not over a checkpoint that moves without one.
    link.holdFrom('late');
    await gateway.put(`/${name}/key`, 'late');
    await until(() => link.counters.held > 0, { describe: 'the change in the link' });
    await redis.pause();
    const { open, counters } = link;
    const sent = counters.bytesToServer;
    link.forward();
    await until(() => counters.bytesToServer > sent, { describe: 'the change in the socket of the server' });
    await node.command('pause', 'cache');
    const { reason } = await node.showsState('cache', 'backing_off');
    expect(reason).toMatch(/^Pausing, as .+@.+ ordered at .*the outcome of the last transaction is not known yet/);
    const { stdout } = await node.command('explain', 'cache');
    expect(stdout).toContain('is being paused, by ');
    expect(stdout).toContain('may still be carried out');
    await redis.resume();
    await node.showsState('cache', 'paused');
    const { value, fencedOff, checkpoint } = await stored(redis);
    // Carried out before, or never.
    expect([
      ['late', 0],
      ['before', 1],
    ]).toContainEqual([value, fencedOff]);
    // The server ends the connection that was given up when it has read all of it.
    await until(() => link.open === open, { describe: () => `${open} connections; there are ${link.open}` });
    expect(await stored(redis)).toEqual({ value, fencedOff, checkpoint });
    await node.command('resume', 'cache');
    await node.reached('cache', await gateway.revision());
    expect((await stored(redis)).value).toBe('late');
  });

  it('survives the owner: who looks while nobody owns it sees by whom it is paused', async () => {
    const destination = await servers.etcd();
    const replica = { name: 'replica', kind: 'etcd', endpoints: [destination.url], routes: ROUTES() };
    const roles = [['leader', 'worker'], ['leader']];
    await using pipeline = await Pipeline.start({ name, source, nats, destinations: [replica], roles });
    const [worker, other] = pipeline.nodes;
    if (worker === undefined || other === undefined) throw new Error('two nodes were asked for');
    await worker.reached('replica', await gateway.put(`/${name}/key`, 'before'));
    await worker.command('pause', 'replica');
    await other.showsState('replica', 'paused');
    await worker.stop();
    await until(async () => (await other.destination()).owner === null, { describe: 'nobody to own it' });
    expect((await other.showsState('replica', 'paused')).reason).toMatch(/^Paused by .+@/);
    const { stdout } = await other.command('explain', 'replica');
    expect(stdout).toMatch(/replica is paused, by .+@.+ since 20.*No node works for it/);
  });
});
