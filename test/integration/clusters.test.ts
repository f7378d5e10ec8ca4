import {
  audit,
  checkChain,
  type EtcdCluster,
  EtcdGateway,
  type EtcdServer,
  localServers,
  type NatsCluster,
  OnceOnlyWriter,
  Pipeline,
  readRawJournal,
  type Servers,
  until,
} from '@tidemark/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';

/** Three members of everything: the leader of each cluster is killed, and what is left has to do. */

const TRANSACTIONS = 100;
const PREFIX = '/once/';

let servers: Servers;
let source: EtcdCluster;
let destination: EtcdCluster;
let nats: NatsCluster;
let pipeline: Pipeline;

beforeAll(async () => {
  servers = localServers();
  [source, destination, nats] = await Promise.all([
    servers.etcdCluster(),
    servers.etcdCluster(),
    servers.natsCluster(),
  ]);
}, 60_000);

afterAll(async () => {
  await pipeline?.[Symbol.asyncDispose]();
  await servers[Symbol.asyncDispose]();
});

/** A member that stays, whichever leads. */
async function follower(cluster: EtcdCluster): Promise<EtcdServer> {
  const leader = await cluster.leader();
  const found = cluster.members.find((member) => member !== leader);
  if (found === undefined) throw new Error('a cluster of one');
  return found;
}

it('three-member etcds and three copies of the journal lose the leader of each, and no effect of any write', {
  timeout: 180_000,
}, async () => {
  const staying = { source: await follower(source), destination: await follower(destination) };
  const gateway = new EtcdGateway(staying.source.url);
  const [url = ''] = nats.urls;
  pipeline = await Pipeline.start({
    source: staying.source,
    sourceHop: { endpoints: source.urls },
    nats: { url },
    journal: { servers: nats.urls, replicas: 3 },
    nodes: 2,
    destinations: [{ name: 'replica', kind: 'etcd', endpoints: destination.urls, routes: [{ prefix: PREFIX }] }],
  });
  const writer = new OnceOnlyWriter(gateway, PREFIX);
  const write = async () => {
    let left = TRANSACTIONS;
    await writer.run(() => left-- > 0);
    await pipeline.anyNode.reached('replica', await gateway.revision(), 60_000);
  };
  await write();

  const killed = [await source.leader(), await destination.leader(), await nats.streamLeader('TIDEMARK_test')];
  await Promise.all(killed.map((server) => server.kill()));
  await until(() => gateway.put('/probe', 'is there a leader?'), { timeoutMs: 30_000, describe: 'a source leader' });
  await write();
  await Promise.all(killed.map((server) => server.start()));
  await write();

  expect(await writer.check(staying.destination)).toMatchObject({ violations: [] });
  const result = await audit({
    source: { server: staying.source, prefix: PREFIX },
    destination: { server: staying.destination, prefix: PREFIX },
  });
  expect(result.differences).toEqual([]);
  expect(result.keys).toBeGreaterThan(3 * TRANSACTIONS);
  const left = nats.servers.find((server) => server !== killed[2]);
  if (left === undefined) throw new Error('no server is left');
  expect(checkChain(await readRawJournal(left, 'TIDEMARK_test')).violations).toEqual([]);
});
