import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  AccessDeniedError,
  AmbiguousWriteError,
  DestinationFullError,
  prefixRange,
  RequestTooLargeError,
  UnavailableError,
  type Write,
} from '@tidemark/core';
import { type EtcdServer, FaultProxy, localServers, never, type Servers, until } from '@tidemark/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AnswerTooLargeError } from '../src/client/errors.js';
import { RANGE_PAGE } from '../src/client/methods.js';
import { EtcdClient, EtcdKv, EtcdSource } from '../src/index.js';
import { Tail } from './tail.js';

const checkpointKey = Buffer.from('/__tidemark/checkpoint');

let servers: Servers;

beforeAll(() => {
  servers = localServers();
});

afterAll(() => servers?.[Symbol.asyncDispose]());

async function withEtcd(flags: string[], test: (etcd: EtcdServer, kv: EtcdKv) => Promise<void>): Promise<void> {
  const etcd = await servers.etcd({ flags });
  const kv = new EtcdKv(new EtcdClient({ endpoints: [etcd.url] }));
  try {
    await test(etcd, kv);
  } finally {
    await kv.close();
    await etcd.kill();
  }
}

function puts(count: number, prefix = '/data/'): Write[] {
  return Array.from({ length: count }, (_, index) => ({
    kind: 'put',
    key: Buffer.from(`${prefix}${index}`),
    value: Buffer.from(`value ${index}`),
  }));
}

describe('a checkpointed transaction', () => {
  it('of 4,096 puts, then of 4,096 deletes, lands in one revision with the default limits', () =>
    withEtcd([], async (etcd, kv) => {
      const writes = puts(4_096);
      const first = Buffer.from('1');
      const put = await kv.executeCheckpointed({ checkpointKey, expected: null, next: first, writes }, never);
      expect(put.succeeded).toBe(true);
      const listed = JSON.parse((await etcd.etcdctl(['get', '--prefix', '', '-w', 'json'])).toString());
      expect(listed.kvs).toHaveLength(4_097);
      expect(new Set(listed.kvs.map((kv: { mod_revision: number }) => kv.mod_revision)).size).toBe(1);
      const deletes = writes.map(({ key }): Write => ({ kind: 'delete', key }));
      const deleted = await kv.executeCheckpointed(
        { checkpointKey, expected: first, next: Buffer.from('2'), writes: deletes },
        never,
      );
      expect(deleted).toEqual({ succeeded: true, revision: put.succeeded ? put.revision + 1 : 0 });
      const left = JSON.parse((await etcd.etcdctl(['get', '--prefix', '', '-w', 'json'])).toString());
      expect(left.kvs).toHaveLength(1);
    }));

  it('is refused, and changes nothing, unless the checkpoint is as expected', () =>
    withEtcd([], async (_etcd, kv) => {
      const [one, two] = [Buffer.from('one'), Buffer.from('two')];
      const writes = puts(3);
      expect(await kv.executeCheckpointed({ checkpointKey, expected: two, next: one, writes }, never)).toEqual({
        succeeded: false,
        found: null,
      });
      expect((await kv.get(Buffer.from('/data/0'), never)).kv).toBeNull();
      expect(await kv.executeCheckpointed({ checkpointKey, expected: null, next: one, writes }, never)).toMatchObject({
        succeeded: true,
      });
      for (const expected of [null, two, Buffer.alloc(0)]) {
        const outcome = await kv.executeCheckpointed({ checkpointKey, expected, next: two, writes: [] }, never);
        expect(outcome).toEqual({ succeeded: false, found: one });
      }
      const { kv: found, revision } = await kv.get(checkpointKey, never);
      expect(found).toMatchObject({ value: one, version: 1, modRevision: revision });
    }));

  it('lets one of two racing writers through', () =>
    withEtcd([], async (_etcd, kv) => {
      let checkpoint: Buffer | null = null;
      for (let round = 0; round < 30; round++) {
        const expected: Buffer | null = checkpoint;
        const attempt = (name: string) =>
          kv.executeCheckpointed(
            { checkpointKey, expected, next: Buffer.from(`${round} ${name}`), writes: puts(2) },
            never,
          );
        const outcomes = await Promise.all([attempt('a'), attempt('b')]);
        expect(outcomes.filter(({ succeeded }) => succeeded)).toHaveLength(1);
        checkpoint = (await kv.get(checkpointKey, never)).kv?.value ?? null;
      }
      expect((await kv.get(Buffer.from('/data/0'), never)).kv?.version).toBe(30);
    }));

  it('says that it is too large, and that the destination is full', () =>
    withEtcd(['--max-request-bytes=100000', '--quota-backend-bytes=200000'], async (_etcd, kv) => {
      const large: Write[] = [{ kind: 'put', key: Buffer.from('/large'), value: Buffer.alloc(100_000) }];
      const tooLarge = kv.executeCheckpointed(
        { checkpointKey, expected: null, next: Buffer.from('1'), writes: large },
        never,
      );
      await expect(tooLarge).rejects.toThrow(RequestTooLargeError);
      const fill = async () => {
        for (let round = 0; ; round++) {
          const writes: Write[] = [{ kind: 'put', key: Buffer.from(`/${round}`), value: Buffer.alloc(90_000) }];
          await kv.executeCheckpointed(
            { checkpointKey: Buffer.from(`/c${round}`), expected: null, next: Buffer.from('1'), writes },
            never,
          );
        }
      };
      await expect(fill()).rejects.toThrow(DestinationFullError);
    }));

  it('pages through a range in order, at one revision, while it changes', () =>
    withEtcd([], async (etcd, kv) => {
      for (let part = 0; part < 4; part++) {
        await kv.executeCheckpointed(
          {
            checkpointKey: Buffer.from(`/c${part}`),
            expected: null,
            next: Buffer.from('1'),
            writes: puts(4_096, `/data/${part}/`),
          },
          never,
        );
      }
      const { pages, revision } = await kv.readPages(prefixRange(Buffer.from('/data/')), undefined, never);
      // Before anybody takes a page, while the second one has not been asked for.
      await etcd.etcdctl(['put', '/data/3/9999', 'late']);
      const keys: Buffer[] = [];
      let count = 0;
      for await (const page of pages) {
        count++;
        for (const { key, modRevision } of page) {
          keys.push(key);
          expect(modRevision).toBeLessThanOrEqual(revision);
        }
      }
      expect(count).toBeGreaterThan(1);
      expect(keys).toHaveLength(4 * 4_096);
      expect(keys).toEqual([...keys].sort((a, b) => Buffer.compare(a, b)));
      const again = await kv.readPages(prefixRange(Buffer.from('/data/')), undefined, never);
      let total = 0;
      for await (const page of again.pages) total += page.length;
      expect(total).toBe(4 * 4_096 + 1);
    }));

  it('asks again for fewer keys where large values come after small ones', () =>
    withEtcd([], async (etcd, kv) => {
      const value = Buffer.alloc(1024 * 1024);
      const large = Array.from({ length: 70 }, (_, index): Write[] => [
        { kind: 'put', key: Buffer.from(`/data/large/${index}`), value },
      ]);
      // After the probe of 1,000 keys, which shows that values are small.
      for (const [index, writes] of [puts(1_500, '/data/before/'), ...large].entries()) {
        const request = { checkpointKey: Buffer.from(`/c${index}`), expected: null, next: Buffer.from('1'), writes };
        expect(await kv.executeCheckpointed(request, never)).toMatchObject({ succeeded: true });
      }
      const client = new EtcdClient({ endpoints: [etcd.url] });
      const all = { key: Buffer.from('/data/'), range_end: Buffer.from('/data0'), limit: 40_000 };
      await expect(client.call(RANGE_PAGE, all, { kind: 'read', signal: never })).rejects.toThrow(AnswerTooLargeError);
      client.close();
      const { pages } = await kv.readPages(prefixRange(Buffer.from('/data/')), undefined, never);
      let total = 0;
      for await (const page of pages) total += page.length;
      expect(total).toBe(1_570);
    }));
});

describe('an answer that never comes', () => {
  it('is resolved by the repeat: carried out once, found as our own', () =>
    withEtcd([], async (etcd) => {
      const lossy = await FaultProxy.start(etcd.address);
      const kv = new EtcdKv(new EtcdClient({ endpoints: [`http://${lossy.address}`, etcd.url] }));
      expect((await kv.get(checkpointKey, never)).kv).toBeNull();
      const next = Buffer.from('unmistakable');
      lossy.loseReplyTo(next);
      const writing = kv.executeCheckpointed({ checkpointKey, expected: null, next, writes: puts(1) }, never);
      await until(async () => (await etcd.etcdctl(['get', checkpointKey.toString()])).length > 0, {
        describe: 'the write',
      });
      lossy.cut();
      expect(await writing).toEqual({ succeeded: false, found: next });
      expect(lossy.counters.cut).toBeGreaterThan(0);
      await kv.close();
      await lossy[Symbol.asyncDispose]();
    }));

  it('is reported as ambiguous when no other member knows, and as unavailable when nothing was sent', () =>
    withEtcd([], async (etcd) => {
      const lossy = await FaultProxy.start(etcd.address);
      const kv = new EtcdKv(new EtcdClient({ endpoints: [`http://${lossy.address}`] }));
      const { next, writing } = await loseReply(lossy, etcd, kv);
      lossy.refuse();
      await expect(writing).rejects.toThrow(AmbiguousWriteError);
      const unsent = kv.executeCheckpointed({ checkpointKey, expected: next, next, writes: [] }, never);
      const error = await unsent.catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(UnavailableError);
      expect(error).not.toBeInstanceOf(AmbiguousWriteError);
      await kv.close();
      await lossy[Symbol.asyncDispose]();
    }));

  it('stays ambiguous when it is certain that the next member got nothing', () =>
    withEtcd([], async (etcd) => {
      const lossy = await FaultProxy.start(etcd.address);
      const kv = new EtcdKv(new EtcdClient({ endpoints: [`http://${lossy.address}`, 'http://127.0.0.1:1'] }));
      const { writing } = await loseReply(lossy, etcd, kv);
      lossy.cut();
      await expect(writing).rejects.toThrow(AmbiguousWriteError);
      await kv.close();
      await lossy[Symbol.asyncDispose]();
    }));

  it('stays ambiguous when the client is closed before another member is asked', () =>
    withEtcd([], async (etcd) => {
      const lossy = await FaultProxy.start(etcd.address);
      const client = new EtcdClient({ endpoints: [`http://${lossy.address}`, etcd.url] });
      const kv = new EtcdKv(client);
      const { writing } = await loseReply(lossy, etcd, kv);
      client.close();
      await expect(writing).rejects.toThrow(AmbiguousWriteError);
      await lossy[Symbol.asyncDispose]();
    }));

  it('does not outlive the abort of its signal', () =>
    withEtcd([], async (etcd, kv) => {
      await kv.get(checkpointKey, never);
      await etcd.pause();
      const stop = new AbortController();
      const reading = kv.get(checkpointKey, stop.signal);
      stop.abort();
      await expect(reading).rejects.toThrow(UnavailableError);
      await etcd.resume();
    }));
});

/** A write that is carried out, and whose answer does not come. */
async function loseReply(lossy: FaultProxy, etcd: EtcdServer, kv: EtcdKv) {
  await kv.get(checkpointKey, never);
  const next = Buffer.from('unmistakable');
  lossy.loseReplyTo(next);
  const writing = kv.executeCheckpointed({ checkpointKey, expected: null, next, writes: [] }, never);
  // Awaited later, by those who expect it to fail.
  writing.catch(() => undefined);
  await until(async () => (await etcd.etcdctl(['get', checkpointKey.toString()])).length > 0, {
    describe: 'the write',
  });
  return { next, writing };
}

describe('authentication', () => {
  it('renews an expired token by itself, for calls and watches, and reports a wrong password', () =>
    withEtcd(['--auth-token-ttl=1'], async (etcd) => {
      const directory = mkdtempSync(join(tmpdir(), 'tidemark-auth-'));
      const passwordFile = join(directory, 'password');
      writeFileSync(passwordFile, 'secret\n');
      for (const args of [
        ['user', 'add', 'root:secret'],
        ['role', 'add', 'root'],
        ['user', 'grant-role', 'root', 'root'],
        ['auth', 'enable'],
      ]) {
        await etcd.etcdctl(args);
      }
      const hop = { endpoints: [etcd.url], auth: { username: 'root', passwordFile } };
      const kv = new EtcdKv(new EtcdClient(hop));
      const source = new EtcdSource(new EtcdClient(hop));
      expect((await kv.get(checkpointKey, never)).kv).toBeNull();
      const { revision } = await source.identity(never);
      // Restarting forgets all tokens: simple tokens live in the member's memory.
      await etcd.kill();
      await etcd.start();
      const done = await until(
        () => kv.executeCheckpointed({ checkpointKey, expected: null, next: Buffer.from('1'), writes: [] }, never),
        { describe: 'the write' },
      );
      expect(done.succeeded).toBe(true);
      await until(
        async () => {
          const tail = new Tail(source, revision + 1);
          await tail.reaches(revision + 1);
          await tail.stop();
          return true;
        },
        { describe: 'a tail with a new token' },
      );
      const stranger = new EtcdKv(new EtcdClient({ endpoints: [etcd.url] }));
      await expect(stranger.get(checkpointKey, never)).rejects.toThrow(AccessDeniedError);
      await expect(new Tail(new EtcdSource(new EtcdClient({ endpoints: [etcd.url] })), 1).ended).rejects.toThrow(
        AccessDeniedError,
      );
      writeFileSync(passwordFile, 'wrong');
      const wrong = new EtcdKv(new EtcdClient(hop));
      await expect(wrong.get(checkpointKey, never)).rejects.toThrow(AccessDeniedError);
      writeFileSync(passwordFile, 'secret');
      await until(() => wrong.get(checkpointKey, never), { describe: 'the password that was put right' });
      for (const open of [kv, source, stranger, wrong]) await open.close();
      rmSync(directory, { recursive: true });
    }));
});
