import {
  type EtcdServer,
  FaultProxy,
  flood,
  localServers,
  type NatsServer,
  OnceOnlyWriter,
  Random,
  type Servers,
  type TidemarkNode,
  until,
} from '@tidemark/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { replicaOf, Stage, versions } from './support/stage.js';

const SEED = Number(process.env['TIDEMARK_SEED'] ?? 20240228);
const DROPPED_REPLIES = 50;
const REVISIONS = 100_000;

let servers: Servers;
let source: EtcdServer;
let destination: EtcdServer;
let nats: NatsServer;

beforeAll(async () => {
  servers = localServers();
  [source, destination, nats] = await Promise.all([servers.etcd(), servers.etcd(), servers.nats()]);
});

afterAll(() => servers?.[Symbol.asyncDispose]());

it(`${DROPPED_REPLIES} replies of the destination are lost: every effect is there once (seed ${SEED})`, async () => {
  const random = new Random(SEED);
  await using proxy = await FaultProxy.start(destination.address);
  const destinations = [replicaOf('lossy', { ...destination, url: `http://${proxy.address}` })];
  await using stage = await Stage.start('lossy', { source, nats, destination }, { nodes: 1, destinations });
  await stage.write('first', 1);
  await stage.reached();
  const onceOnly = new OnceOnlyWriter(stage.source, `${stage.prefix}once/`);
  const writing = onceOnly.run(() => proxy.counters.droppedReplies < DROPPED_REPLIES);
  for (let dropped = 0; dropped < DROPPED_REPLIES; dropped++) {
    proxy.dropReply(1 + random.below(30));
    await until(() => proxy.counters.droppedReplies > dropped, { timeoutMs: 30_000, describe: 'a lost reply' });
  }
  await writing;
  proxy.forward();
  await stage.reached();
  const verdict = await onceOnly.check(destination);
  expect(verdict.violations).toEqual([]);
  expect(verdict.transactions).toBeGreaterThan(DROPPED_REPLIES);
  await stage.expectEqual(1);
});

it(`two workers that both believe to own a destination through ${REVISIONS} revisions: every effect is there once`, async () => {
  const options = { nodes: 2, environment: { TIDEMARK_FAULT: 'believe-in-leadership' } };
  await using stage = await Stage.start('two', { source, nats, destination }, options);
  await stage.write('first', 1);
  await stage.reached();
  // The owner is suspended until the other node has taken over, and never learns of it.
  const { owner } = await stage.reached();
  const first = stage.pipeline.nodes.find(({ id }) => id === owner);
  const second = stage.pipeline.nodes.find(({ id }) => id !== owner);
  if (first === undefined || second === undefined) throw new Error(`no node is called ${owner}`);
  await first.pause();
  await stage.reached(second);
  await first.resume();
  // A key for each revision, never put again: coalesced or not, its version must be 1.
  const keyOf = (n: number) => `${stage.prefix}once/${n}`;
  let flooding = true;
  const flooded = flood({ url: source.url, keys: REVISIONS, keyOf }).finally(() => {
    flooding = false;
  });
  const turns = await takeTurns(first, second, () => flooding);
  await flooded;
  await stage.reached(stage.pipeline.anyNode, 120_000);
  const seen = await versions(destination, `${stage.prefix}once/`);
  expect(seen.size).toBe(REVISIONS);
  expect([...seen].filter(([, version]) => version !== 1)).toEqual([]);
  await stage.expectEqual(REVISIONS);
  // The fault happened: each wrote where the other believed to be the only one.
  expect(turns).toBeGreaterThan(5);
  expect(await stage.counter('fenced_total', 'role="worker"')).toBeGreaterThan(5);
});

/** Suspends one and then the other, each until the other one has applied something. Returns how often. */
async function takeTurns(first: TidemarkNode, second: TidemarkNode, goOn: () => boolean): Promise<number> {
  const applied = (node: TidemarkNode) => node.metric('tidemark_applied_transactions_total');
  let turns = 0;
  for (let pair = [first, second] as const; goOn(); pair = [pair[1], pair[0]]) {
    const [idle, busy] = pair;
    const before = await applied(busy);
    await idle.pause();
    const moves = async () => !goOn() || (await applied(busy)) > before;
    try {
      await until(moves, { timeoutMs: 60_000, describe: `${busy.id} applies` });
    } finally {
      await idle.resume();
    }
    turns++;
  }
  return turns;
}
