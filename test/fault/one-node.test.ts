import {
  EtcdGateway,
  type EtcdServer,
  localServers,
  type NatsServer,
  Pipeline,
  type Servers,
  until,
} from '@tidemark/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';

/** All destinations of a pipeline on the one node that is left. */

const DESTINATIONS = 50;
/** The number of the one that has an etcd of its own, which stands still while the others get everything. */
const FROZEN = 7;
const VALUE_BYTES = 64 * 1024;
const VALUES = 300;
const MAX_RSS_MIB = 300;

let servers: Servers;
let nats: NatsServer;
let frozen: EtcdServer;
let pipeline: Pipeline;
let gateway: EtcdGateway;

beforeAll(async () => {
  servers = localServers();
  const [source, destination, own] = await Promise.all([servers.etcd(), servers.etcd(), servers.etcd()]);
  nats = await servers.nats();
  gateway = new EtcdGateway(source.url);
  frozen = own;
  const destinations = Array.from({ length: DESTINATIONS }, (_, index) => ({
    name: `d${index}`,
    kind: 'etcd',
    endpoints: [index === FROZEN ? frozen.url : destination.url],
    routes: [{ prefix: '/a/', rewrite: `/d${index}/` }],
  }));
  pipeline = await Pipeline.start({ source, nats, nodes: 1, destinations });
});

afterAll(async () => {
  await pipeline?.[Symbol.asyncDispose]();
  await servers[Symbol.asyncDispose]();
});

/** Waits until all stream and have reached a revision, apart from the one that is left out. */
async function allReached(revision: number, without?: number): Promise<void> {
  const awaited = DESTINATIONS - (without === undefined ? 0 : 1);
  const reached = async () => {
    const { destinations } = await pipeline.anyNode.status();
    const others = destinations.filter(({ name }) => name !== `d${without}`);
    return others.filter((each) => each.state === 'streaming' && each.revision >= revision).length;
  };
  await until(async () => (await reached()) === awaited, { timeoutMs: 60_000, describe: `all at ${revision}` });
}

/** Puts large values, and returns the revision of the last one. */
async function putValues(prefix: string): Promise<number> {
  let revision = 0;
  for (let index = 0; index < VALUES; index++) {
    revision = await gateway.put(`${prefix}${index % 20}`, 'v'.repeat(VALUE_BYTES));
  }
  return revision;
}

it(`${DESTINATIONS} destinations read the journal once, in bounded memory`, { timeout: 240_000 }, async () => {
  await allReached(await gateway.put('/a/small', 'x'));
  // What nobody takes, then what everybody takes: fifty times the bytes are on their way at once.
  await allReached(await putValues('/elsewhere/'));
  await frozen.pause();
  const last = await putValues('/a/');
  await allReached(last, FROZEN);
  const seen = (await pipeline.anyNode.status()).destinations.find(({ name }) => name === `d${FROZEN}`);
  expect(seen?.revision).toBeLessThan(last);
  await frozen.resume();
  await allReached(last);
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
