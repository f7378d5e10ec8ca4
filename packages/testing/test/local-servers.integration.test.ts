import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type EtcdServer, localServers, type NatsServer, type RedisServer, type Servers } from '../src/index.js';
import { httpBody, tcpAnswer } from '../src/servers/probe.js';

describe('local servers', () => {
  let servers: Servers;
  let etcd: EtcdServer;
  let nats: NatsServer;
  let redis: RedisServer;

  beforeAll(async () => {
    servers = localServers();
    [etcd, nats, redis] = await Promise.all([servers.etcd(), servers.nats(), servers.redis()]);
  });

  afterAll(() => servers[Symbol.asyncDispose]());

  const ask = (command: string): Promise<string | undefined> => tcpAnswer(Number(redis.address.split(':')[1]), command);

  it('keeps what etcd acknowledged over kill -9', async () => {
    await etcd.etcdctl(['put', '/a'], 'first');
    await etcd.kill();
    await expect(etcd.etcdctl(['get', '/a', '--dial-timeout=200ms', '--command-timeout=500ms'])).rejects.toThrow(
      /etcdctl get \/a failed/,
    );
    await etcd.start();
    expect((await etcd.etcdctl(['get', '/a', '--print-value-only'])).toString()).toBe('first\n');
  });

  it('keeps what redis acknowledged over kill -9', async () => {
    expect(await ask('SET k v\r\n')).toBe('+OK\r\n');
    await redis.kill();
    expect(await ask('GET k\r\n')).toBeUndefined();
    await redis.start();
    expect(await ask('GET k\r\n')).toBe('$1\r\nv\r\n');
  });

  it('runs JetStream, and takes new configuration at the next start', async () => {
    expect(await httpBody(`${nats.monitorUrl}/jsz`)).toContain('"streams": 0');
    await nats.configure(['max_payload: 65536']);
    await nats.stop();
    await nats.start();
    expect(await httpBody(`${nats.monitorUrl}/varz`)).toContain('"max_payload": 65536');
  });

  it('freezes and thaws a server with its connections', async () => {
    await etcd.pause();
    expect(await httpBody(`${etcd.url}/health`)).toBeUndefined();
    await etcd.resume();
    expect(await httpBody(`${etcd.url}/health`)).toContain('true');
  });

  it('stops a frozen server', async () => {
    await etcd.pause();
    await etcd.stop();
    await etcd.start();
    expect(await httpBody(`${etcd.url}/health`)).toContain('true');
  });

  it('shows the output of a server that does not start', async () => {
    await expect(servers.etcd({ flags: ['--no-such-flag'] })).rejects.toThrow(/flag provided but not defined/);
    await expect(servers.nats({ configuration: ['max_payload: nonsense'] })).rejects.toThrow(/nats\.conf:4/);
  });

  it('leaves no server running when the test process is killed', async () => {
    const fixture = fileURLToPath(new URL('./fixtures/start-redis.ts', import.meta.url));
    const temporary = await mkdtemp(join(tmpdir(), 'tidemark-killed-'));
    const child = spawn(process.execPath, ['--conditions=tidemark-source', '--import', 'tsx', fixture], {
      env: { ...process.env, TMPDIR: temporary },
    });
    const port = Number(String((await once(child.stdout, 'data'))[0]));
    expect(await tcpAnswer(port, 'PING\r\n')).toBe('+PONG\r\n');
    child.kill('SIGKILL');
    await once(child, 'exit');
    await expect.poll(() => tcpAnswer(port, 'PING\r\n')).toBeUndefined();
    await rm(temporary, { recursive: true });
  });
});
