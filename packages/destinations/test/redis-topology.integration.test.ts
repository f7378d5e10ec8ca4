import { type Checkpoint, FULL_KEYSPACE, UnavailableError } from '@tidemark/core';
import {
  checkpointAt,
  FaultProxy,
  IPV6_TLS_FILES,
  localServers,
  never,
  type RedisServer,
  type Servers,
  TLS_FILES,
  until,
  unusedPort,
} from '@tidemark/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { move, put, redisClients } from './support/redis-client.js';

let servers: Servers;

beforeAll(() => {
  servers = localServers();
});

afterAll(() => servers?.[Symbol.asyncDispose]());

const open = redisClients();

async function replicaOf(address: string): Promise<RedisServer> {
  const [host = '', port = ''] = address.split(':');
  const replica = await servers.redis({ flags: ['--replicaof', `${host} ${port}`] });
  const linked = async () => (await replica.redisCli(['INFO', 'replication'])).includes('master_link_status:up');
  await until(linked, { describe: 'a replica in step' });
  return replica;
}

describe('sentinels', () => {
  it('name the master, and after a failover the next one', async () => {
    const master = await servers.redis();
    const replica = await replicaOf(master.address);
    const sentinel = await servers.redisSentinel({ master, name: 'conf' });
    const knowsReplica = async () => (await sentinel.redisCli(['SENTINEL', 'REPLICAS', 'conf'])).includes('slave');
    await until(knowsReplica, { describe: 'a sentinel that knows the replica' });
    const addresses = ['127.0.0.1:1', sentinel.address];
    const destination = open({ sentinel: { name: 'conf', addresses, database: 0 } });

    await destination.apply(move(null, 1, [put('a', '1')]), never);
    await until(async () => (await replica.redisCli(['GET', 'conf:a'])) === '1', { describe: 'the replica in step' });
    await master.kill();
    await expect(destination.apply(move(1, 2, [put('a', '2')]), never)).rejects.toThrow(UnavailableError);
    const applied = async () => (await destination.apply(move(1, 2, [put('a', '2')]), never)).outcome;
    expect(await until(applied, { describe: 'the new master', timeoutMs: 30_000 })).toBe('applied');
    expect(await replica.redisCli(['GET', 'conf:a'])).toBe('2');
  });

  it('that know no such master are reported by name', async () => {
    const sentinel = await servers.redisSentinel({ master: await servers.redis(), name: 'conf' });
    const destination = open({ sentinel: { name: 'other', addresses: [sentinel.address], database: 0 } });
    await expect(destination.checkpoint(never)).rejects.toThrow(/knows no master called other/);
  });
});

describe('a Redis Cluster', () => {
  const node = () => servers.redis({ flags: ['--cluster-enabled', 'yes'] });

  it('of one node takes everything below a hash tag, and refuses a prefix without', async () => {
    const single = await node();
    await single.redisCli(['CLUSTER', 'ADDSLOTSRANGE', '0', '16383']);
    await until(async () => (await single.redisCli(['CLUSTER', 'INFO'])).includes('cluster_state:ok'), {
      describe: 'a cluster that serves',
    });
    await expect(open(single).checkpoint(never)).rejects.toMatchObject({
      code: 'HASH_TAG_MISSING',
      permanent: true,
    });
    const destination = open({ url: single.url, keyPrefix: '{conf}:' });
    const writes = Array.from({ length: 500 }, (_, index) => put(`{other}${index}`, 'v'));
    expect(await destination.apply(move(null, 1, writes), never)).toEqual({ outcome: 'applied' });
    expect(await destination.count(FULL_KEYSPACE, never)).toBe(500);
    expect((await destination.read([Buffer.from('{other}7')], never)).values).toEqual([Buffer.from('v')]);
  });

  it('of two nodes is entered at any of them', async () => {
    const nodes = [await node(), await node()] as const;
    const [first, second] = nodes;
    await first.redisCli(['CLUSTER', 'ADDSLOTSRANGE', '0', '8191']);
    await second.redisCli(['CLUSTER', 'ADDSLOTSRANGE', '8192', '16383']);
    await first.redisCli(['CLUSTER', 'MEET', ...second.address.split(':')]);
    await until(
      async () => {
        const infos = await Promise.all(nodes.map((each) => each.redisCli(['CLUSTER', 'INFO'])));
        return infos.every((info) => info.includes('cluster_state:ok'));
      },
      { describe: 'a cluster of two nodes', timeoutMs: 30_000 },
    );
    for (const keyPrefix of ['{conf}:', '{a}:', '{b}:']) {
      const destination = open({ cluster: { addresses: ['127.0.0.1:1', first.address] }, keyPrefix });
      expect(await destination.apply(move(null, 1, [put('a', '1')]), never)).toEqual({ outcome: 'applied' });
    }
    const sizes = await Promise.all(nodes.map(async (each) => Number(await each.redisCli(['DBSIZE']))));
    // The slots of the three tags are on both nodes: redirections were followed.
    expect(sizes.every((size) => size > 0)).toBe(true);
    expect(sizes.reduce((sum, size) => sum + size)).toBe(6);
  });
});

describe('TLS', () => {
  const ADDRESSES = [
    ['127.0.0.1', TLS_FILES],
    ['[::1]', IPV6_TLS_FILES],
  ] as const;

  it.each(ADDRESSES)(
    'on both sides is enough at %s, and a server that is not trusted is refused',
    async (host, own) => {
      const { ca, cert, key } = own;
      const files = [
        '--bind',
        '127.0.0.1',
        '::1',
        '--tls-cert-file',
        cert,
        '--tls-key-file',
        key,
        '--tls-ca-cert-file',
        ca,
      ];
      const port = String(await unusedPort());
      const server = await servers.redis({ flags: [...files, '--tls-port', port, '--tls-auth-clients', 'yes'] });
      const url = `rediss://${host}:${port}/2`;
      const destination = open({ url, tls: own });
      expect(await destination.apply(move(null, 1, [put('a', '1')]), never)).toEqual({ outcome: 'applied' });
      expect(await server.redisCli(['-n', '2', 'GET', 'conf:a'])).toBe('1');
      const attempt = open({ url }).checkpoint(never);
      await expect(attempt).rejects.toThrow(UnavailableError);
      await expect(attempt).rejects.toMatchObject({ remedy: expect.stringContaining('tls.ca') });
    },
  );
});

describe('while a difference against a snapshot is written', () => {
  const marked = (attempt: number): Checkpoint => ({
    ...checkpointAt(1),
    resync: { snapshot: 's', target: { generation: 1, revision: 9 }, attempt },
  });

  it('a failover that loses writes but not the mark makes it begin again', async () => {
    const master = await servers.redis();
    await using link = await FaultProxy.start(master.address);
    const replica = await replicaOf(link.address);
    await using floating = await FaultProxy.start(master.address);
    const destination = open({ url: `redis://${floating.address}` });
    await destination.apply({ writes: [], expected: null, next: marked(1) }, never);
    const [kept, lost] = [[put('kept', '1')], [put('lost', '1')]];
    await destination.apply({ writes: kept, expected: marked(1), next: marked(1) }, never);
    await until(async () => (await replica.redisCli(['EXISTS', 'conf:kept'])) === '1', { describe: 'the first put' });
    link.blackHole();
    await destination.apply({ writes: lost, expected: marked(1), next: marked(1) }, never);
    await master.kill();
    link.cut();
    await replica.redisCli(['REPLICAOF', 'NO', 'ONE']);
    floating.redirect(replica.address);
    // The fault is there: the mark survived, a write under it did not.
    expect(await replica.redisCli(['EXISTS', 'conf:lost'])).toBe('0');

    const arrive = { writes: [], expected: marked(1), next: checkpointAt(9) };
    await expect(destination.apply(arrive, never)).rejects.toThrow(/failed over/);
    const again = { writes: [], expected: marked(1), next: marked(2) };
    await expect(destination.apply(again, never)).rejects.toThrow(/failed over/);
    const { checkpoint, run } = await destination.view(never);
    expect(checkpoint).toEqual(marked(1));
    // Somebody's view, a comparison's perhaps, is not what the resync was planned by.
    await expect(destination.apply({ ...again, viewedRun: 'of the old master' }, never)).rejects.toThrow(/failed over/);
    expect(await destination.apply({ ...again, viewedRun: run }, never)).toEqual({ outcome: 'applied' });
    await destination.apply({ writes: lost, expected: marked(2), next: marked(2) }, never);
    expect(await destination.apply({ ...arrive, expected: marked(2) }, never)).toEqual({ outcome: 'applied' });
  });
});
