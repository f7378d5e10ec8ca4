import type { PlacedDestination } from '@tidemark/api';
import {
  EtcdGateway,
  type EtcdServer,
  FaultProxy,
  localServers,
  type NatsServer,
  Pipeline,
  readKeys,
  type Servers,
  type TidemarkNode,
  until,
} from '@tidemark/testing';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';

let servers: Servers;
let nats: NatsServer;
let a: EtcdServer;
let b: EtcdServer;
let cases = 0;
/** Prefixes of one test, in both clusters. */
let left: string;
let right: string;

beforeAll(async () => {
  servers = localServers();
  [a, b, nats] = await Promise.all([servers.etcd(), servers.etcd(), servers.nats()]);
});

beforeEach(() => {
  cases++;
  left = `/left-${cases}/`;
  right = `/right-${cases}/`;
});

afterAll(() => servers?.[Symbol.asyncDispose]());

interface Copy {
  readonly name: string;
  readonly from: EtcdServer;
  readonly to: Pick<EtcdServer, 'url'>;
  /** What is read, and what it is called where it is written. */
  readonly route: readonly [prefix: string, rewrite: string];
}

/** A pipeline of one node with one destination, `copy`. Its name is new in each test. */
async function start({ name, from, to, route: [prefix, rewrite] }: Copy): Promise<Pipeline> {
  const copy = { name: 'copy', kind: 'etcd', endpoints: [to.url], routes: [{ prefix, rewrite }] };
  const journal = { maxBytes: '64MiB' };
  return await Pipeline.start({
    name: `${name}-${cases}`,
    source: from,
    nats,
    destinations: [copy],
    nodes: 1,
    journal,
  });
}

async function becomes(node: TidemarkNode, state: string): Promise<PlacedDestination> {
  return await node.showsState('copy', state, 30_000);
}

it('the second of two directions is refused by name and writes nothing; the first goes on, also after a restart', async () => {
  const [atA, atB] = [new EtcdGateway(a.url), new EtcdGateway(b.url)];
  await atA.put(`${left}key`, 'from a');
  await using x = await start({ name: 'x', from: a, to: b, route: [left, right] });
  await x.anyNode.reached('copy', await atA.revision());
  await atB.put(`${right}other`, 'from b');
  await using y = await start({ name: 'y', from: b, to: a, route: [right, left] });
  const { reason } = await becomes(y.anyNode, 'failed');
  expect(reason).toMatch(/^LOOP: /);
  expect(reason).toContain(`copy of pipeline x-${cases} ("${left}" to "${right}")`);
  expect(reason).toContain(`etcdctl del /__tidemark/x-${cases}/copy/origin`);
  expect((await y.anyNode.command('explain', 'copy')).stdout).toContain('LOOP');
  expect([...(await readKeys({ server: a, prefix: left })).keys()]).toEqual([`${left}key`]);

  await x.stop();
  await x.start();
  await x.anyNode.reached('copy', await atA.put(`${left}later`, 'from a'));
  expect((await becomes(y.anyNode, 'failed')).reason).toMatch(/^LOOP: /);

  // What the remedy says: the first one is gone for good.
  await x.stop();
  await b.etcdctl(['del', `/__tidemark/x-${cases}/copy/origin`]);
  await becomes(y.anyNode, 'streaming');
  expect((await readKeys({ server: a, prefix: left })).has(`${left}other`)).toBe(true);
});

it('of two directions that start at once at least one is refused', async () => {
  const copies: Copy[] = [
    { name: 'x', from: a, to: b, route: [left, left] },
    { name: 'y', from: b, to: a, route: [left, left] },
  ];
  const pipelines = await Promise.all(copies.map(start));
  try {
    const states = await until(
      async () => {
        const seen = await Promise.all(pipelines.map(async ({ anyNode }) => (await anyNode.status()).destinations[0]));
        const decided = seen.every((each) => each?.state === 'failed' || each?.state === 'streaming');
        return decided ? seen.map((each) => each?.state) : null;
      },
      { timeoutMs: 30_000, describe: 'both failed or streaming' },
    );
    expect(states).toContain('failed');
  } finally {
    for (const pipeline of pipelines) await pipeline[Symbol.asyncDispose]();
  }
});

it('both directions of different keys go on', async () => {
  const [atA, atB] = [new EtcdGateway(a.url), new EtcdGateway(b.url)];
  await using x = await start({ name: 'x', from: a, to: b, route: [left, left] });
  await using y = await start({ name: 'y', from: b, to: a, route: [right, right] });
  await atA.put(`${left}key`, 'from a');
  await atB.put(`${right}key`, 'from b');
  await until(async () => (await atB.get(`${left}key`)) !== null, { describe: 'the key of a at b', timeoutMs: 30_000 });
  await until(async () => (await atA.get(`${right}key`)) !== null, {
    describe: 'the key of b at a',
    timeoutMs: 30_000,
  });
  for (const { anyNode } of [x, y]) await becomes(anyNode, 'streaming');
});

it('a destination that is the source under another address is refused, unless it writes where nobody reads', async () => {
  const gateway = new EtcdGateway(a.url);
  await using proxy = await FaultProxy.start(a.address);
  const disguised = { url: `http://${proxy.address}` };
  await gateway.put(`${left}key`, 'x');
  await using x = await start({ name: 'x', from: a, to: disguised, route: [left, `${left}copy/`] });
  expect((await becomes(x.anyNode, 'failed')).reason).toMatch(/^LOOP: .*one cluster/);
  expect((await readKeys({ server: a, prefix: left })).size).toBe(1);

  await using y = await start({ name: 'y', from: a, to: disguised, route: [left, right] });
  await becomes(y.anyNode, 'streaming');
  expect((await readKeys({ server: a, prefix: right })).size).toBe(1);
});

it('clusters that were started with the same names and URLs have one id, and are distinguished', async () => {
  const peer = 'http://127.0.0.1:2380';
  const flags = [`--initial-advertise-peer-urls=${peer}`, `--initial-cluster=default=${peer}`];
  const [one, two] = await Promise.all([servers.etcd({ flags }), servers.etcd({ flags })]);
  expect(await clusterId(one)).toBe(await clusterId(two));
  const gateway = new EtcdGateway(one.url);
  await gateway.put(`${left}key`, 'x');
  await using x = await start({ name: 'x', from: one, to: two, route: [left, left] });
  await x.anyNode.reached('copy', await gateway.revision());
  await using y = await start({ name: 'y', from: two, to: one, route: [left, left] });
  expect((await becomes(y.anyNode, 'failed')).reason).toContain(`copy of pipeline x-${cases}`);
  await using z = await start({ name: 'z', from: two, to: a, route: [left, left] });
  await becomes(z.anyNode, 'streaming');
});

it('a destination that is the coordination cluster under another address is refused when it writes over elections', async () => {
  const gateway = new EtcdGateway(a.url);
  await using proxy = await FaultProxy.start(b.address);
  const prefix = `/elections-${cases}/`;
  await gateway.put(`${left}key`, 'x');
  const routes = [{ prefix: left, rewrite: prefix }];
  const copy = { name: 'copy', kind: 'etcd', endpoints: [`http://${proxy.address}`], routes };
  await using x = await Pipeline.start({
    name: `x-${cases}`,
    source: a,
    nats,
    coordination: { endpoints: [b.url], prefix },
    destinations: [copy],
    nodes: 1,
    journal: { maxBytes: '64MiB' },
  });
  expect((await becomes(x.anyNode, 'failed')).reason).toMatch(/^OVER_ELECTIONS: .*coordination\.prefix/);
  expect((await readKeys({ server: b, prefix })).has(`${prefix}key`)).toBe(false);
  // The elections are there, and held: the node answers for its destination.
  expect((await readKeys({ server: b, prefix: `${prefix}x-${cases}/owners/` })).size).toBe(1);
});

async function clusterId(server: EtcdServer): Promise<string> {
  const text = (await server.etcdctl(['endpoint', 'status', '-w', 'fields'])).toString();
  return /^"ClusterID" : (\d+)$/m.exec(text)?.[1] ?? text;
}
