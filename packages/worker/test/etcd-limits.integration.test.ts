import { RequestTooLargeError } from '@tidemark/core';
import { checkpointAt, EtcdGateway, localServers, never, type Servers, until } from '@tidemark/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EtcdStage, openEtcd } from './support/etcd-stage.js';

const DEFAULT_LIMIT = 1_572_864;
const SMALL_LIMIT = 100_000;
/** etcd lets gRPC take so much more than a request may have: beyond it another layer refuses, with another error. */
const GRPC_ROOM = 512 * 1024;
/** What a worker that failed waits at most, and a client that reconnects, on a busy machine. */
const HEALED_MS = 25_000;

let servers: Servers;

beforeAll(() => {
  servers = localServers();
});

afterAll(() => servers?.[Symbol.asyncDispose]());

describe('a value that is larger than the destination takes', () => {
  it.each([
    ['etcd', SMALL_LIMIT],
    ['gRPC', SMALL_LIMIT + GRPC_ROOM],
  ])('(refused by %s) is named, lets nothing pass it, and passes when the limit was raised', async (_, size) => {
    const etcd = await servers.etcd({ flags: [`--max-request-bytes=${SMALL_LIMIT}`] });
    await using stage = await EtcdStage.start(etcd);
    await stage.passes('/a/before');
    const last = await stage.write({ '/a/large': 'v'.repeat(size), '/a/later': 'x' });

    const reason = await stage.worker.becomes('failed');
    expect(reason).toContain('REQUEST_TOO_LARGE');
    expect(reason).toContain('/b/large');
    expect(reason).toContain(`${size} bytes`);
    expect(reason).toMatch(/Set --max-request-bytes of that cluster to \d+ or more/);
    expect(reason).not.toContain('vvv');
    const advised = Number(/to (\d+) or more/.exec(reason)?.[1]);
    expect(await stage.versions()).toEqual({ '/b/before': 1 });

    await etcd.configure([`--max-request-bytes=${advised}`]);
    await etcd.stop();
    await etcd.start();
    await stage.worker.reaches(last, 1, HEALED_MS);
    expect(await stage.versions()).toEqual({ '/b/before': 1, '/b/large': 1, '/b/later': 1 });
  });

  it('was refused alone, and is not sent together with others again', async () => {
    const etcd = await servers.etcd({ flags: [`--max-request-bytes=${SMALL_LIMIT}`] });
    const destination = openEtcd(etcd);
    const write = { kind: 'put', key: Buffer.from('/b/large'), value: Buffer.alloc(SMALL_LIMIT) } as const;
    const next = checkpointAt(1);
    try {
      const refused = destination.apply({ writes: [write], expected: null, next }, never);
      await expect(refused).rejects.toThrow(RequestTooLargeError);
      expect(destination.limits.maxBytes).toBeLessThan(SMALL_LIMIT);
      const { maxBytes } = destination.limits;
      const again = destination.apply({ writes: [write], expected: null, next }, never);
      await expect(again).rejects.toThrow(RequestTooLargeError);
      // It does not shrink with each attempt.
      expect(destination.limits.maxBytes).toBe(maxBytes);
    } finally {
      await destination.close();
    }
  });

  it('is named in the first copy, too', async () => {
    const etcd = await servers.etcd({ flags: [`--max-request-bytes=${SMALL_LIMIT}`] });
    await using stage = await EtcdStage.start(etcd);
    stage.chronicle.source.put('/a/large', 'v'.repeat(SMALL_LIMIT));
    for (let key = 0; key < 50; key++) stage.chronicle.source.put(`/a/${key}`, 'v'.repeat(10_000));
    await stage.chronicle.reset('compacted');
    expect(await stage.worker.becomes('failed')).toContain('/b/large');
  });
});

it('writes that are too large only together go in smaller transactions, by themselves', async () => {
  const etcd = await servers.etcd({ flags: [`--max-request-bytes=${SMALL_LIMIT}`] });
  await using stage = await EtcdStage.start(etcd);
  const keys = Array.from({ length: 60 }, (_, index) => `/a/${String(index).padStart(2, '0')}`);
  const last = await stage.write(Object.fromEntries(keys.map((key) => [key, 'v'.repeat(20_000)])));
  await stage.worker.reaches(last, 1, HEALED_MS);
  // The fault happened.
  expect(stage.worker.states).toContain('backing_off');
  expect(stage.worker.states).not.toContain('failed');
  expect(await stage.versions()).toEqual(Object.fromEntries(keys.map((key) => [key.replace('/a/', '/b/'), 1])));
});

it('a value next to the limit that it shares with the source passes, or is refused by name', async () => {
  const [source, etcd] = await Promise.all([servers.etcd(), servers.etcd()]);
  const gateway = new EtcdGateway(source.url);
  const destination = openEtcd(etcd);
  const outcomes = new Set<string>();
  try {
    for (let less = 50; less <= 1_200; less += 50) {
      const key = Buffer.from('/b/large');
      const value = Buffer.alloc(DEFAULT_LIMIT - less, 'v');
      await gateway.put(key, value);
      const expected = await destination.checkpoint(never);
      const next = checkpointAt(less, { journal: 'j'.repeat(22), filter: 'f'.repeat(12) });
      const outcome = await destination
        .apply({ writes: [{ kind: 'put', key, value }], expected, next }, never)
        .then(({ outcome }) => outcome)
        .catch((error: unknown) => {
          expect(error).toBeInstanceOf(RequestTooLargeError);
          expect(error).toMatchObject({ message: expect.stringContaining(`/b/large: its value has ${value.length}`) });
          return 'refused';
        });
      outcomes.add(outcome);
    }
  } finally {
    await destination.close();
  }
  expect([...outcomes]).toEqual(['refused', 'applied']);
});

it('a full destination fails with the way out, and goes on when that was gone', async () => {
  const etcd = await servers.etcd({ flags: ['--quota-backend-bytes=400000'] });
  await using stage = await EtcdStage.start(etcd);
  await stage.passes('/a/before');
  const gateway = new EtcdGateway(etcd.url);
  const full = async () => {
    for (;;) await gateway.put('/filler', Buffer.alloc(50_000));
  };
  await expect(full()).rejects.toThrow('database space exceeded');
  const last = await stage.write({ '/a/1': 'x', '/a/2': 'x' });

  const reason = await stage.worker.becomes('failed');
  expect(reason).toContain('DESTINATION_FULL');
  for (const command of ['etcdctl compact', 'etcdctl defrag', 'etcdctl alarm disarm'])
    expect(reason).toContain(command);
  expect(await stage.versions()).toEqual({ '/b/before': 1 });

  await gateway.compact(await gateway.revision());
  await etcd.etcdctl(['defrag']);
  await etcd.etcdctl(['alarm', 'disarm']);
  await stage.worker.reaches(last, 1, HEALED_MS);
  await until(() => stage.worker.lastState === 'streaming', { describe: 'streaming' });
  expect(await stage.versions()).toEqual({ '/b/before': 1, '/b/1': 1, '/b/2': 1 });
});

it('a compaction of the destination disturbs nothing', async () => {
  const etcd = await servers.etcd();
  await using stage = await EtcdStage.start(etcd);
  const gateway = new EtcdGateway(etcd.url);
  for (let round = 0; round < 5; round++) {
    await stage.passes(`/a/${round}`);
    await gateway.compact(await gateway.revision());
  }
  expect(stage.worker.states).not.toContain('backing_off');
  expect(Object.values(await stage.versions())).toEqual([1, 1, 1, 1, 1]);
});
