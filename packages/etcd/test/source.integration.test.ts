import {
  type Entry,
  FULL_KEYSPACE,
  InvariantError,
  SourceCompactedError,
  SourceRewoundError,
  UnavailableError,
} from '@tidemark/core';
import { type EtcdServer, FaultProxy, localServers, never, Random, type Servers, until } from '@tidemark/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EtcdClient, EtcdKv, EtcdSource } from '../src/index.js';
import { Tail } from './tail.js';

const seed = Date.now();

let servers: Servers;
let etcd: EtcdServer;
let source: EtcdSource;
let kv: EtcdKv;

beforeAll(async () => {
  servers = localServers();
  etcd = await servers.etcd({ flags: ['--max-request-bytes=16777216', '--max-txn-ops=1024'] });
  source = new EtcdSource(new EtcdClient({ endpoints: [etcd.url] }));
  kv = new EtcdKv(new EtcdClient({ endpoints: [etcd.url] }));
});

afterAll(async () => {
  await source?.close();
  await kv?.close();
  await servers?.[Symbol.asyncDispose]();
});

async function revision(): Promise<number> {
  return (await source.identity(never)).revision;
}

async function put(key: string | Buffer, value: string | Buffer): Promise<number> {
  const outcome = await kv.executeCheckpointed(
    { checkpointKey: Buffer.from(key), expected: null, next: Buffer.from(value), writes: [] },
    never,
  );
  if (!outcome.succeeded) throw new Error(`${String(key)} is there already`);
  return outcome.revision;
}

/** Random puts, transactions, deletes of single keys and of prefixes; some of them change nothing. */
async function change(random: Random): Promise<void> {
  const key = () => `/random/${random.below(20)}`;
  switch (random.below(4)) {
    case 0:
      await etcd.etcdctl(['put', key(), `value ${random.below(1_000)}`]);
      return;
    case 1:
      await etcd.etcdctl(['txn'], `\n\nput ${key()} "1"\nput /other/${random.below(5)} "2"\n\n\n`);
      return;
    case 2:
      await etcd.etcdctl(['del', key()]);
      return;
    default:
      await etcd.etcdctl(['del', '--prefix', `/random/${random.below(2)}`]);
  }
}

describe('tail of a real etcd', () => {
  it(`sees every revision of random puts, transactions, deletes and an expired lease (seed ${seed})`, async () => {
    const random = new Random(seed);
    const start = (await revision()) + 1;
    const tail = new Tail(source, start);
    for (let round = 0; round < 60; round++) await change(random);
    const grant = (await etcd.etcdctl(['lease', 'grant', '1'])).toString();
    const lease = /lease ([0-9a-f]+) granted/.exec(grant)?.[1] ?? '';
    for (const key of ['/leased/a', '/leased/b', '/leased/c'])
      await etcd.etcdctl(['put', key, 'x', `--lease=${lease}`]);
    await until(async () => (await etcd.etcdctl(['get', '--prefix', '/leased/'])).length === 0, {
      describe: 'the lease to expire',
    });
    const end = await revision();
    await tail.reaches(end);
    expect(tail.revisions).toEqual(Array.from({ length: end - start + 1 }, (_, index) => start + index));
    const expiry = tail.entries.find(({ changes }) =>
      changes.some(({ kind, key }) => kind === 'delete' && key.equals(Buffer.from('/leased/a'))),
    );
    expect(expiry?.changes.map(({ key }) => key.toString())).toEqual(['/leased/a', '/leased/b', '/leased/c']);
    const leased = tail.entries.flatMap(({ changes }) => changes).find((c) => c.key.equals(Buffer.from('/leased/a')));
    expect(leased).toMatchObject({ kind: 'put', lease: BigInt(`0x${lease}`) });
    await tail.stop();
  });

  it('starts at the beginning with 1, and refuses 0, which etcd takes for "from now on"', async () => {
    const fresh = await servers.etcd();
    const client = new EtcdSource(new EtcdClient({ endpoints: [fresh.url] }));
    await fresh.etcdctl(['put', 'first', '1']);
    const tail = new Tail(client, 1);
    await tail.reaches(2);
    expect(tail.revisions).toEqual([2]);
    await tail.stop();
    await expect(new Tail(client, 0).ended).rejects.toThrow(InvariantError);
    await client.close();
    await fresh.kill();
  });

  it('keeps binary keys and values, and keys with names of objects', async () => {
    const start = (await revision()) + 1;
    const tail = new Tail(source, start);
    const keys = [
      Buffer.from([0]),
      Buffer.from([0x00, 0xff, 0x01, 0xfe, 0x80]),
      Buffer.from([0xff, 0xff]),
      Buffer.from('__proto__'),
      Buffer.from('constructor'),
    ];
    for (const key of keys) await put(key, Buffer.from([0xff, 0x00, 0xc3, 0x28]));
    await tail.reaches(start + keys.length - 1);
    expect(tail.entries.map(({ changes }) => changes[0]?.key)).toEqual(keys);
    expect(tail.entries[0]?.changes[0]).toMatchObject({ value: Buffer.from([0xff, 0x00, 0xc3, 0x28]) });
    await tail.stop();
    const read = await source.read(FULL_KEYSPACE, undefined, never);
    const found: Buffer[] = [];
    for await (const page of read.pages) found.push(...page.map(({ key }) => key));
    expect(found).toEqual([...found].sort((a, b) => Buffer.compare(a, b)));
    for (const key of keys) expect(found.some((other) => other.equals(key))).toBe(true);
  });

  it('delivers a revision of 5 x 1 MB, and a large catch-up, whole', async () => {
    const start = (await revision()) + 1;
    const value = Buffer.alloc(1024 * 1024, 'x');
    for (const round of [1, 2, 3]) {
      const writes = [0, 1, 2, 3, 4].map((index) => ({
        kind: 'put' as const,
        key: Buffer.from(`/big/${index}`),
        value,
      }));
      await kv.executeCheckpointed(
        { checkpointKey: Buffer.from(`/big/checkpoint/${round}`), expected: null, next: value, writes },
        never,
      );
    }
    const tail = new Tail(source, start);
    await tail.reaches(start + 2);
    expect(tail.entries.map(({ changes }) => changes.length)).toEqual([6, 6, 6]);
    for (const { changes } of tail.entries) {
      expect(changes.every((change) => change.kind === 'put' && change.value.equals(value))).toBe(true);
    }
    await tail.stop();
  });

  it('stops the server instead of collecting without bounds when nobody reads', async () => {
    const server = await servers.etcd();
    const proxy = await FaultProxy.start(server.address);
    const lagging = new EtcdSource(new EtcdClient({ endpoints: [`http://${proxy.address}`] }));
    const writer = new EtcdKv(new EtcdClient({ endpoints: [server.url] }));
    const next = Buffer.alloc(1024 * 1024, 'y');
    const writing = Array.from({ length: 10 }, async (_, lane) => {
      for (let index = 0; index < 12; index++) {
        const checkpointKey = Buffer.from(`/pressure/${lane}/${index}`);
        await writer.executeCheckpointed({ checkpointKey, expected: null, next, writes: [] }, never);
      }
    });
    await Promise.all(writing);
    const stop = new AbortController();
    const entries = lagging.tail(1, stop.signal)[Symbol.asyncIterator]();
    const first = await entries.next();
    expect(first.done).toBe(false);
    // Not read any more: what arrives is bounded by the queue and the windows of HTTP/2, all 120 MiB are not.
    const quiet = { bytes: -1, since: performance.now() };
    await until(
      () => {
        const { bytesToClient } = proxy.counters;
        if (bytesToClient !== quiet.bytes) Object.assign(quiet, { bytes: bytesToClient, since: performance.now() });
        return performance.now() - quiet.since > 1_000;
      },
      { describe: 'the stream to stand still' },
    );
    expect(quiet.bytes).toBeLessThan(80 * 1024 * 1024);
    stop.abort();
    while (!(await entries.next()).done);
    await lagging.close();
    await writer.close();
    await proxy[Symbol.asyncDispose]();
    await server.kill();
  });

  it('ends quietly when aborted, before, during and after the connection', async () => {
    await expect(new Tail(source, 1, AbortSignal.abort()).ended).resolves.toBeUndefined();
    const early = new Tail(source, 1);
    await early.stop();
    const late = new Tail(source, (await revision()) + 1);
    await put('/abort', 'x');
    await until(() => late.entries.length === 1, { describe: 'the entry' });
    await late.stop();
  });
});

describe('compaction', () => {
  it('is distinguished below, at and above the start revision', async () => {
    const revisions: number[] = [];
    for (let index = 0; index < 6; index++) revisions.push(await put(`/compact/${index}`, 'x'));
    const at = revisions[3] ?? 0;
    await etcd.etcdctl(['compact', String(at)]);
    await expect(new Tail(source, at - 1).ended).rejects.toThrow(SourceCompactedError);
    for (const start of [at, at + 1]) {
      const tail = new Tail(source, start);
      await tail.reaches(at + 2);
      expect(tail.revisions[0]).toBe(start);
      await tail.stop();
    }
    await expect(source.read(FULL_KEYSPACE, at - 1, never)).rejects.toThrow(SourceCompactedError);
    await expect(source.read(FULL_KEYSPACE, at + 1_000_000, never)).rejects.toThrow(SourceRewoundError);
  });

  it('of the revision that is being paged through ends the read', async () => {
    for (let index = 0; index < 3; index++) {
      const writes = Array.from({ length: 4_000 }, (_, i) => ({
        kind: 'put' as const,
        key: Buffer.from(`/paged/${index}/${i}`),
        value: Buffer.alloc(8),
      }));
      await kv.executeCheckpointed(
        { checkpointKey: Buffer.from(`/paged-checkpoint/${index}`), expected: null, next: Buffer.from('x'), writes },
        never,
      );
    }
    const { pages, revision: at } = await source.read(FULL_KEYSPACE, undefined, never);
    await put('/paged/after', 'x');
    await etcd.etcdctl(['compact', String(at + 1)]);
    const readAll = async () => {
      for await (const page of pages) expect(page.length).toBeGreaterThan(0);
    };
    await expect(readAll()).rejects.toThrow(SourceCompactedError);
  });
});

describe('faults', () => {
  it('a killed and restarted server leaves no hole when the tail resumes by overlap', async () => {
    const victim = await servers.etcd();
    const reader = new EtcdSource(new EtcdClient({ endpoints: [victim.url] }));
    const writer = new EtcdKv(new EtcdClient({ endpoints: [victim.url] }));
    const seen = new Map<number, Entry>();
    let breaks = 0;
    const stop = new AbortController();
    const reading = (async () => {
      while (!stop.signal.aborted) {
        try {
          for await (const entries of reader.tail(Math.max(1, ...seen.keys()), stop.signal)) {
            for (const entry of entries) seen.set(entry.revision, entry);
          }
        } catch (error) {
          expect(error).toBeInstanceOf(UnavailableError);
          breaks++;
          await until(() => reader.identity(never), { describe: 'etcd to be back' });
        }
      }
    })();
    for (let round = 0; round < 3; round++) {
      for (let index = 0; index < 50; index++) {
        const txn = {
          checkpointKey: Buffer.from(`/kill/${round}/${index}`),
          expected: null,
          next: Buffer.from('x'),
          writes: [],
        };
        await writer.executeCheckpointed(txn, never);
      }
      const before = breaks;
      await victim.kill();
      await until(() => breaks > before, { describe: 'the tail to break' });
      await victim.start();
      await until(() => reader.identity(never), { describe: 'etcd to be back' });
    }
    const { revision: end } = await reader.identity(never);
    await until(() => seen.has(end), { describe: `revision ${end}` });
    stop.abort();
    await reading;
    expect(breaks).toBeGreaterThanOrEqual(3);
    expect([...seen.keys()].sort((a, b) => a - b)).toEqual(Array.from({ length: end - 1 }, (_, index) => index + 2));
    await reader.close();
    await writer.close();
    await victim.kill();
  });

  it('a stream cut again and again in the middle of large revisions never yields half of one', async () => {
    const proxy = await FaultProxy.start(etcd.address);
    const reader = new EtcdSource(new EtcdClient({ endpoints: [`http://${proxy.address}`] }));
    const start = (await revision()) + 1;
    const value = Buffer.alloc(512 * 1024, 'z');
    for (let round = 0; round < 8; round++) {
      const writes = Array.from({ length: 8 }, (_, index) => ({
        kind: 'put' as const,
        key: Buffer.from(`/cut/${index}`),
        value,
      }));
      await kv.executeCheckpointed(
        { checkpointKey: Buffer.from(`/cut-checkpoint/${round}`), expected: null, next: Buffer.from('x'), writes },
        never,
      );
    }
    const end = await revision();
    const sizes = new Map<number, number>();
    let breaks = 0;
    for (let piece = 20; !sizes.has(end); piece += 40) {
      proxy.dropReply(piece);
      try {
        for await (const entries of reader.tail(Math.max(start, ...sizes.keys()), never)) {
          for (const entry of entries) sizes.set(entry.revision, entry.changes.length);
          if (sizes.has(end)) break;
        }
      } catch (error) {
        expect(error).toBeInstanceOf(UnavailableError);
        breaks++;
      }
    }
    expect(breaks).toBeGreaterThan(0);
    expect(proxy.counters.droppedReplies).toBeGreaterThan(0);
    expect([...sizes.keys()]).toEqual(Array.from({ length: end - start + 1 }, (_, index) => start + index));
    expect(new Set(sizes.values())).toEqual(new Set([9]));
    await reader.close();
    await proxy[Symbol.asyncDispose]();
  });

  it('a frozen member ends the tail, and the next one goes to another member', async () => {
    const first = await FaultProxy.start(etcd.address);
    const second = await FaultProxy.start(etcd.address);
    const reader = new EtcdSource(
      new EtcdClient({ endpoints: [`http://${first.address}`, `http://${second.address}`] }),
    );
    const start = (await revision()) + 1;
    const tail = new Tail(reader, start);
    await put('/frozen/1', 'x');
    await tail.reaches(start);
    first.blackHole();
    await expect(tail.ended).rejects.toThrow(UnavailableError);
    expect(first.counters.held).toBeGreaterThan(0);
    const next = new Tail(reader, start);
    await next.reaches(start);
    expect(second.counters.connections).toBeGreaterThan(0);
    await next.stop();
    await reader.close();
    await first[Symbol.asyncDispose]();
    await second[Symbol.asyncDispose]();
  });
});
