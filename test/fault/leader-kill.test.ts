import {
  audit,
  checkChain,
  EtcdGateway,
  type EtcdServer,
  localServers,
  type NatsServer,
  NO_BRAKES,
  Pipeline,
  Random,
  readRawJournal,
  runWorkload,
  type Servers,
  until,
} from '@tidemark/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';

const SEED = Number(process.env['TIDEMARK_SEED'] ?? 20);
const ROUNDS = 20;

let servers: Servers;
let source: EtcdServer;
let destination: EtcdServer;
let nats: NatsServer;
let pipeline: Pipeline;

beforeAll(async () => {
  servers = localServers();
  [source, destination, nats] = await Promise.all([servers.etcd(), servers.etcd(), servers.nats()]);
  const destinations = [
    { name: 'replica', kind: 'etcd', endpoints: [destination.url], routes: [{ prefix: '/app/' }], brakes: NO_BRAKES },
  ];
  pipeline = await Pipeline.start({ source, nats, destinations });
});

afterAll(async () => {
  await pipeline[Symbol.asyncDispose]();
  await servers[Symbol.asyncDispose]();
});

it(`kill -9 of the leader at ${ROUNDS} random moments under load: one chain, equal destination (seed ${SEED})`, async () => {
  const random = new Random(SEED);
  const gateway = new EtcdGateway(source.url);
  await gateway.put('/app/first', 'value');
  await pipeline.anyNode.reached('replica', await gateway.revision());

  let writing = true;
  const load = runWorkload(gateway, {
    operations: Number.POSITIVE_INFINITY,
    random: new Random(SEED + 1),
    prefixes: ['/app/', '/other/'],
    keysPerPrefix: 300,
    concurrency: 4,
    maxValueBytes: 64 * 1024,
    goOn: () => writing,
  });
  const killed: string[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const leader = await pipeline.leader();
    // A random moment: after the leader has journaled some more, from none to a few hundred revisions.
    const from = (await leader.status()).journal?.revision ?? 0;
    const until_ = from + random.below(300);
    await until(async () => ((await leader.status()).journal?.revision ?? 0) >= until_, {
      describe: `the journal at ${until_}`,
    });
    await leader.kill();
    killed.push(leader.id);
    const next = await pipeline.leader();
    expect(next.id).not.toBe(leader.id);
    await leader.start();
  }
  writing = false;
  await load;

  await pipeline.anyNode.reached('replica', await gateway.revision());
  const verdict = checkChain(await readRawJournal(nats, 'TIDEMARK_test'));
  expect(verdict.violations).toEqual([]);
  // The fault happened: each kill made a new term.
  expect(killed).toHaveLength(ROUNDS);
  expect(verdict.terms.length).toBeGreaterThanOrEqual(ROUNDS + 1);
  expect(verdict.kinds).toMatchObject({ reset: 1 });
  const result = await audit({
    source: { server: source, prefix: '/app/' },
    destination: { server: destination, prefix: '/app/' },
  });
  expect(result.differences).toEqual([]);
  expect(result.keys).toBeGreaterThan(100);
  expect(pipeline.peakRssMiB).toBeLessThan(300);
});
