import {
  audit,
  EtcdGateway,
  type EtcdServer,
  type GatewayOperation,
  localServers,
  type NatsServer,
  Pipeline,
  type Servers,
  until,
} from '@tidemark/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

/** Revisions that are written while the leader cannot see them. */
const UNSEEN = 30;

let servers: Servers;
let source: EtcdServer;
let destination: EtcdServer;
let nats: NatsServer;
let pipeline: Pipeline;
let gateway: EtcdGateway;

beforeAll(async () => {
  servers = localServers();
  [source, destination, nats] = await Promise.all([servers.etcd(), servers.etcd(), servers.nats()]);
  gateway = new EtcdGateway(source.url);
  for (let n = 0; n < 200; n++) await gateway.put(`/app/base/${n}`, 'base');
  const destinations = [{ name: 'replica', kind: 'etcd', endpoints: [destination.url], routes: [{ prefix: '/app/' }] }];
  pipeline = await Pipeline.start({ source, nats, nodes: 1, destinations });
});

afterAll(async () => {
  await pipeline[Symbol.asyncDispose]();
  await servers[Symbol.asyncDispose]();
});

const put = (key: string): GatewayOperation => ({ kind: 'put', key: Buffer.from(key), value: Buffer.from(`${key}!`) });
const remove = (key: string): GatewayOperation => ({ kind: 'delete', key: Buffer.from(key) });

/** What the last journaled revision N can be. Compaction at N takes the tombstones of N and what N overwrote. */
const LAST: Record<string, GatewayOperation[]> = {
  'a put': [put('/app/n')],
  'a delete': [remove('/app/n')],
  'a transaction with both': [put('/app/other'), remove('/app/n')],
};

/** Where history is cut, from N and the head. */
const CUT: Record<string, (n: number, head: number) => number> = {
  'N-1': (n) => n - 1,
  N: (n) => n,
  'N+1': (n) => n + 1,
  'the head': (_, head) => head,
};

const CASES = Object.keys(LAST).flatMap((last) =>
  Object.keys(CUT).flatMap((cut) => ['down', 'paused'].map((leader) => ({ last, cut, leader }))),
);

/** Writes that touch what N touched, so that a lost event would show. */
async function unseenWrites(): Promise<void> {
  for (let n = 0; n < UNSEEN; n++) {
    await gateway.transaction(
      n % 3 === 0 ? [remove(`/app/base/${n}`), put('/app/other')] : [put(`/app/unseen/${n}`), remove('/app/n')],
    );
  }
}

async function expectEqual(): Promise<void> {
  await pipeline.anyNode.reached('replica', await gateway.revision());
  const sides = { source: { server: source, prefix: '/app/' }, destination: { server: destination, prefix: '/app/' } };
  const { keys, differences } = await audit(sides);
  expect(differences).toEqual([]);
  expect(keys).toBeGreaterThan(100);
}

describe('compaction while the leader lags', () => {
  it.each(CASES)('N is $last, compacted at $cut, leader $leader: ends equal', async ({ last, cut, leader }) => {
    await gateway.transaction([put('/app/n'), put('/app/base/3'), put('/app/base/0')]);
    const n = await gateway.transaction(LAST[last] ?? []);
    const node = pipeline.anyNode;
    await node.reached('replica', n);
    if (leader === 'down') await node.stop();
    else await node.pause();

    await unseenWrites();
    const at = CUT[cut]?.(n, await gateway.revision()) ?? n;
    await gateway.compact(at);
    // The fault happened: the source refuses to read before the cut.
    await expect(source.etcdctl(['get', '/app/n', `--rev=${at - 1}`])).rejects.toThrow(/compacted/);

    if (leader === 'down') await node.start();
    else await node.resume();
    await expectEqual();
  });

  it('compaction again and again while snapshots are taken: ends equal', async () => {
    const node = pipeline.anyNode;
    for (let n = 0; n < 40; n++) {
      await gateway.transaction(Array.from({ length: 100 }, (_, k) => put(`/app/wide/${n * 100 + k}`)));
    }
    let compactions = 0;
    let taking = true;
    const snapshots = (async () => {
      for (let n = 0; n < 5; n++) await node.command('snapshot', 'create', '--timeout', '20s');
      taking = false;
    })();
    await until(
      async () => {
        await gateway.put('/app/wide/0', `${compactions}`);
        await gateway.compact(await gateway.revision());
        compactions++;
        return !taking;
      },
      { describe: 'five snapshots', timeoutMs: 120_000, everyMs: 1 },
    );
    await snapshots;
    expect(compactions).toBeGreaterThan(5);
    await expectEqual();
    expect(await node.command('verify', 'replica')).toMatchObject({ code: 0 });
  });
});
