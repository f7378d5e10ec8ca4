import {
  audit,
  conftoolKeyspace,
  containerServers,
  EtcdGateway,
  type EtcdServer,
  loadKeys,
  type NatsServer,
  NO_BRAKES,
  Pipeline,
  Random,
  runWorkload,
  type Servers,
} from '@tidemark/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';

const SEED = Number(process.env['TIDEMARK_SEED'] ?? 3);

let servers: Servers;
let source: EtcdServer;
let destination: EtcdServer;
let nats: NatsServer;

beforeAll(async () => {
  servers = containerServers();
  [source, destination, nats] = await Promise.all([servers.etcd(), servers.etcd(), servers.nats()]);
});

afterAll(async () => {
  await servers[Symbol.asyncDispose]();
});

it(`replicates between containers, through a killed leader and restarted servers (seed ${SEED})`, async () => {
  const gateway = new EtcdGateway(source.url);
  await loadKeys(source, conftoolKeyspace({ seed: SEED, keys: 1_000 }));
  const destinations = [
    {
      name: 'replica',
      kind: 'etcd',
      endpoints: [destination.url],
      routes: [{ prefix: '/conftool/' }],
      brakes: NO_BRAKES,
    },
  ];
  await using pipeline = await Pipeline.start({ source, nats, destinations });
  await pipeline.anyNode.reached('replica', await gateway.revision());

  const leader = await pipeline.leader();
  await leader.kill();
  await runWorkload(gateway, {
    operations: 500,
    random: new Random(SEED),
    prefixes: ['/conftool/', '/other/'],
    keysPerPrefix: 100,
  });
  await nats.kill();
  await nats.start();
  await destination.stop();
  await destination.start();
  await gateway.put('/conftool/last', 'value');

  await pipeline.anyNode.reached('replica', await gateway.revision());
  const result = await audit({
    source: { server: source, prefix: '/conftool/' },
    destination: { server: destination, prefix: '/conftool/' },
  });
  expect(result.differences).toEqual([]);
  expect(result.keys).toBeGreaterThan(1_000);
});
