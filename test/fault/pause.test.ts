import type { PlacedDestination } from '@tidemark/api';
import {
  EtcdGateway,
  type EtcdServer,
  FaultProxy,
  localServers,
  type NatsServer,
  Pipeline,
  type Servers,
  type TidemarkNode,
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

async function seen(node: TidemarkNode): Promise<PlacedDestination> {
  const [destination] = (await node.status()).destinations;
  if (destination === undefined) throw new Error('there is no destination');
  return destination;
}

function becomes(node: TidemarkNode, state: string): Promise<PlacedDestination> {
  let last: PlacedDestination | undefined;
  return until(
    async () => {
      last = await seen(node);
      return last.state === state ? last : null;
    },
    { timeoutMs: 60_000, describe: () => `${state}; seen ${JSON.stringify(last)}` },
  );
}

const ROUTES = () => [{ prefix: `/${name}/` }];

describe('a pause is told when nothing can be written any more', () => {
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
    const sent = dying.counters.held;
    dying.blackHole('toServer');
    await gateway.put(`/${name}/key`, 'late');
    await until(() => dying.counters.held > sent, { describe: 'the transaction in the link' });
    expect((await node.command('pause', 'replica')).code).toBe(0);
    await becomes(node, 'paused');
    const checkpoint = await destination.etcdctl(['get', '/__tidemark/', '--prefix', '--print-value-only']);
    expect(checkpoint.toString()).toContain('"closed":1');
    const before = dying.counters.bytesToServer;
    dying.forward();
    await until(() => dying.counters.bytesToServer > before, { describe: 'what was held delivered' });
    // Whatever comes first on a connection of its own is answered after what was delivered before.
    await until(async () => (await seen(node)).state === 'paused', { describe: 'the pause, still' });
    expect(await value()).toBe('before');
    await node.command('resume', 'replica');
    await node.reached('replica', await gateway.revision());
    expect(await value()).toBe('late');
  });

  it('Redis: while the server is frozen the outcome is told as not known', async () => {
    const redis = await servers.redis();
    const cache = { name: 'cache', kind: 'redis', url: redis.url, keyPrefix: 'p:', routes: ROUTES() };
    await using pipeline = await Pipeline.start({ name, source, nats, destinations: [cache], nodes: 1 });
    const node = pipeline.anyNode;
    await node.reached('cache', await gateway.put(`/${name}/key`, 'before'));
    await redis.pause();
    await gateway.put(`/${name}/key`, 'late');
    await until(async () => (await seen(node)).lagRevisions > 0, { describe: 'a change that waits' });
    await node.command('pause', 'cache');
    const { reason } = await becomes(node, 'backing_off');
    expect(reason).toMatch(/^Pausing, as .+@.+ ordered at .*the outcome of the last transaction is not known yet/);
    const { stdout } = await node.command('explain', 'cache');
    expect(stdout).toContain('is being paused, by ');
    expect(stdout).toContain('may still be carried out');
    await redis.resume();
    await becomes(node, 'paused');
    const dump = async () => await redis.redisCli(['GET', `p:/${name}/key`]);
    const settled = await dump();
    const checkpoint = await redis.redisCli(['GET', `p:__tidemark__/${name}/cache/checkpoint`]);
    // Carried out before, or never.
    expect(settled === 'late' || checkpoint.includes('"closed":1')).toBe(true);
    await node.command('resume', 'cache');
    await node.reached('cache', await gateway.revision());
    expect(await dump()).toBe('late');
  });

  it('survives the owner: who looks while nobody owns it is told by whom it is paused', async () => {
    const destination = await servers.etcd();
    const replica = { name: 'replica', kind: 'etcd', endpoints: [destination.url], routes: ROUTES() };
    const roles = [['leader', 'worker'], ['leader']];
    await using pipeline = await Pipeline.start({ name, source, nats, destinations: [replica], roles });
    const [worker, other] = pipeline.nodes;
    if (worker === undefined || other === undefined) throw new Error('two nodes were asked for');
    await worker.reached('replica', await gateway.put(`/${name}/key`, 'before'));
    await worker.command('pause', 'replica');
    await becomes(other, 'paused');
    await worker.stop();
    await until(async () => (await seen(other)).owner === null, { describe: 'nobody to own it' });
    expect((await becomes(other, 'paused')).reason).toMatch(/^Paused by .+@/);
    const { stdout } = await other.command('explain', 'replica');
    expect(stdout).toMatch(/replica is paused, by .+@.+ since 20.*No node works for it/);
  });
});
