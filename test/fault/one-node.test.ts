import { EtcdGateway, localServers, type NatsServer, Pipeline, type Servers, until } from '@tidemark/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';

/** All destinations of a pipeline on the one node that is left. */

const DESTINATIONS = 50;
const VALUE_BYTES = 64 * 1024;
const VALUES = 300;
const MAX_RSS_MIB = 300;

let servers: Servers;
let nats: NatsServer;
let pipeline: Pipeline;
let gateway: EtcdGateway;

beforeAll(async () => {
  servers = localServers();
  const [source, destination] = await Promise.all([servers.etcd(), servers.etcd()]);
  nats = await servers.nats();
  gateway = new EtcdGateway(source.url);
  const destinations = Array.from({ length: DESTINATIONS }, (_, index) => ({
    name: `d${index}`,
    kind: 'etcd',
    endpoints: [destination.url],
    routes: [{ prefix: '/a/', rewrite: `/d${index}/` }],
  }));
  pipeline = await Pipeline.start({ source, nats, nodes: 1, destinations });
});

afterAll(async () => {
  await pipeline?.[Symbol.asyncDispose]();
  await servers[Symbol.asyncDispose]();
});

async function allReached(revision: number): Promise<void> {
  const reached = async () => {
    const { destinations } = await pipeline.anyNode.status();
    return destinations.filter((each) => each.state === 'streaming' && each.revision >= revision).length;
  };
  await until(async () => (await reached()) === DESTINATIONS, { timeoutMs: 60_000, describe: `all at ${revision}` });
}

it(`${DESTINATIONS} destinations read the journal once, in bounded memory`, { timeout: 180_000 }, async () => {
  await allReached(await gateway.put('/a/small', 'x'));
  let revision = 0;
  for (let index = 0; index < VALUES; index++) {
    revision = await gateway.put(`/elsewhere/${index % 20}`, 'v'.repeat(VALUE_BYTES));
  }
  await allReached(revision);
  await allReached(await gateway.put('/a/small', 'y'));
  expect(pipeline.peakRssMiB).toBeLessThan(MAX_RSS_MIB);
  const readers = async () => {
    const answer = await fetch(`${nats.monitorUrl}/jsz?streams=true&consumers=true`);
    const { account_details: accounts = [] } = (await answer.json()) as {
      account_details?: { stream_detail: { name: string; consumer_detail?: unknown[] }[] }[];
    };
    const journal = accounts.flatMap((account) => account.stream_detail).find(({ name }) => name === 'TIDEMARK_test');
    return journal?.consumer_detail?.length ?? 0;
  };
  await until(async () => (await readers()) === 1, { describe: 'one reader of the journal' });
});
