import { readFileSync } from 'node:fs';
import {
  audit,
  checkChain,
  EtcdGateway,
  type EtcdServer,
  type KeyAndValue,
  loadKeys,
  localServers,
  type NatsServer,
  NO_BRAKES,
  Pipeline,
  Random,
  readRawJournal,
  runWorkload,
  type Servers,
} from '@tidemark/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';

const SEED = Number(process.env['TIDEMARK_SEED'] ?? 815);
/** Bytes a node may ever occupy. */
const MAX_RSS_MIB = 300;

let servers: Servers;
let source: EtcdServer;
let destination: EtcdServer;
let nats: NatsServer;
let pipeline: Pipeline;

beforeAll(async () => {
  servers = localServers();
  [source, destination, nats] = await Promise.all([servers.etcd(), servers.etcd(), servers.nats()]);
});

afterAll(async () => {
  await pipeline[Symbol.asyncDispose]();
  await servers[Symbol.asyncDispose]();
});

function conftoolKeys(): KeyAndValue[] {
  const lines = readFileSync(new URL('../data/conftool-codfw.jsonl', import.meta.url), 'utf8')
    .trim()
    .split('\n');
  return lines.map((line) => JSON.parse(line) as KeyAndValue);
}

it(`815 conftool keys and 20,000 random operations end byte-equal under the routes (seed ${SEED})`, {
  timeout: 300_000,
}, async () => {
  const random = new Random(SEED);
  const gateway = new EtcdGateway(source.url);
  const keys = conftoolKeys();
  expect(keys).toHaveLength(815);
  await loadKeys(source, keys);

  const routes = [
    { prefix: '/conftool/' },
    { prefix: '/app/', rewrite: '/mirror/app/', exclude: ['/app/private/'] },
    { prefix: '/leased/', leased: 'keep' },
  ];
  pipeline = await Pipeline.start({
    source,
    nats,
    destinations: [{ name: 'replica', kind: 'etcd', endpoints: [destination.url], routes, brakes: NO_BRAKES }],
  });

  const doomed = await gateway.grantLease(3600);
  const lasting = await gateway.grantLease(3600);
  const prefixes = ['/conftool/random/', '/app/', '/app/private/', '/leased/', '/elsewhere/'] as const;
  const half = { operations: 10_000, random, prefixes, keysPerPrefix: 400 };
  await runWorkload(gateway, { ...half, leases: [doomed, lasting] });
  await gateway.revokeLease(doomed);
  await runWorkload(gateway, { ...half, leases: [lasting] });

  const node = pipeline.anyNode;
  await node.reached('replica', await gateway.revision(), 120_000);
  for (const [from, to, exclude] of [
    ['/conftool/', '/conftool/', []],
    ['/app/', '/mirror/app/', ['/app/private/']],
    ['/leased/', '/leased/', []],
  ] as const) {
    const result = await audit({
      source: { server: source, prefix: from },
      destination: { server: destination, prefix: to },
      exclude,
    });
    expect(result.differences).toEqual([]);
    expect(result.keys).toBeGreaterThan(100);
  }
  const others = await destination.etcdctl(['get', '/elsewhere/', '--prefix', '--keys-only']);
  expect(others.toString().trim()).toBe('');

  const verified = await node.command('verify', 'replica');
  expect(verified).toMatchObject({ code: 0, stderr: '' });
  const verdict = checkChain(await readRawJournal(nats, 'TIDEMARK_test'));
  expect(verdict.violations).toEqual([]);
  expect(pipeline.peakRssMiB).toBeLessThan(MAX_RSS_MIB);
});
