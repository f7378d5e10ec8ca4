import { containerServers, type EtcdServer, type NatsServer, type RedisServer, type Servers } from '@tidemark/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

describe('servers in containers', () => {
  const servers: Servers = containerServers();
  let etcd: EtcdServer;
  let nats: NatsServer;
  let redis: RedisServer;

  beforeAll(async () => {
    [etcd, nats, redis] = [await servers.etcd(), await servers.nats(), await servers.redis()];
  });

  afterAll(() => servers[Symbol.asyncDispose]());

  const monitor = async (path: string): Promise<string> => {
    const response = await fetch(`${nats.monitorUrl}${path}`, { signal: AbortSignal.timeout(5_000) });
    return response.text();
  };

  it('keeps what etcd acknowledged over kill -9, on the same address', async () => {
    const { url } = etcd;
    await etcd.etcdctl(['put', '/a'], 'first');
    await etcd.kill();
    await expect(etcd.etcdctl(['get', '/a', '--dial-timeout=200ms', '--command-timeout=500ms'])).rejects.toThrow();
    await etcd.start();
    expect(etcd.url).toBe(url);
    expect((await etcd.etcdctl(['get', '/a', '--print-value-only'])).toString()).toBe('first\n');
    await expect.poll(() => etcd.log()).toContain('ready to serve client requests');
  });

  it('freezes and thaws a server', async () => {
    await etcd.pause();
    await expect(fetch(`${etcd.url}/health`, { signal: AbortSignal.timeout(500) })).rejects.toThrow();
    await etcd.resume();
    expect((await etcd.etcdctl(['endpoint', 'health', '-w', 'json'])).toString()).toContain('"health":true');
  });

  it('runs JetStream, and takes new configuration at the next start', async () => {
    expect(await monitor('/jsz')).toContain('"streams": 0');
    await nats.stop();
    await nats.configure(['max_payload: 65536']);
    await nats.start();
    expect(await monitor('/varz')).toContain('"max_payload": 65536');
  });

  it('runs redis', async () => {
    expect(redis.url).toMatch(/^redis:\/\/127\.0\.0\.1:\d+\/0$/);
    await redis.stop();
    await redis.start();
    await expect.poll(() => redis.log()).toContain('Ready to accept connections');
  });
});
