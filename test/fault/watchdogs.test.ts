import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type EtcdCluster,
  type EtcdServer,
  FaultProxy,
  localServers,
  type NatsServer,
  type Servers,
  type TidemarkNode,
  until,
} from '@tidemark/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Stage } from './support/stage.js';

/** Within this time the tail has to be with another member: gRPC's keepalive takes 9 s, the rest is for slow machines. */
const MOVED_MS = 20_000;
/** Of a node that leads and applies. */
const MAX_RSS_MIB = 300;
const PASSWORD = 'not-a-secret';
/** Simple tokens live for 5 s after their last use. Only this logger reports their end. */
const TOKENS = ['--auth-token-ttl=5', '--logger=zap'];

let servers: Servers;
let nats: NatsServer;
let destination: EtcdServer;

beforeAll(async () => {
  servers = localServers();
  [destination, nats] = await Promise.all([servers.etcd(), servers.nats()]);
});

afterAll(async () => {
  await servers[Symbol.asyncDispose]();
});

/** Coordination that the fault does not reach. */
const elsewhere = () => ({ coordination: { endpoints: [destination.url] } });

async function watchers({ url }: EtcdServer): Promise<number> {
  const text = await (await fetch(`${url}/metrics`, { signal: AbortSignal.timeout(2_000) })).text();
  return Number(/^etcd_debugging_mvcc_watcher_total (\d+)/m.exec(text)?.[1] ?? 0);
}

async function readyz(node: TidemarkNode): Promise<{ status: number; body: string }> {
  const response = await node.fetch('/readyz');
  return { status: response.status, body: await response.text() };
}

describe('a single source', () => {
  it('the journal is down for 8 s under load: nothing is lost, memory stays bounded', async () => {
    const source = await servers.etcd();
    await using play = await Stage.start(
      'journal',
      { source, destination, nats },
      {
        nodes: 1,
        journal: { maxBytes: '1GiB' },
      },
    );
    await play.write('before', 10);
    await play.reached();

    await nats.kill();
    const end = performance.now() + 8_000;
    let bytes = 0;
    const value = 'x'.repeat(64 * 1024);
    while (performance.now() < end || bytes < 64 * 1024 * 1024) {
      await play.write('load', 20, `${bytes} ${value}`);
      bytes += 20 * value.length;
    }
    // The fault happened: it was seen.
    expect(await readyz(play.pipeline.anyNode)).toMatchObject({
      status: 503,
      body: expect.stringContaining('"journal"'),
    });
    // Nothing piles up: what cannot be journaled stays at the source.
    expect(play.pipeline.peakRssMiB).toBeLessThan(200);
    await nats.start();
    await play.reached();
    // Nor while it is made up for.
    expect(play.pipeline.peakRssMiB).toBeLessThan(MAX_RSS_MIB);
    const verdict = await play.expectOneChain();
    expect(verdict.kinds).toMatchObject({ reset: 1 });
    await play.expectEqual(30);
    await play.expectSameVersions('before/');
  });

  it('its connection turns into a black hole, and back: seen, and nothing is lost', async () => {
    const source = await servers.etcd();
    await using proxy = await FaultProxy.start(source.address);
    const through = { nodes: 1, sourceHop: { endpoints: [`http://${proxy.address}`] }, ...elsewhere() };
    await using play = await Stage.start('hole', { source, destination, nats }, through);
    await play.write('before', 10);
    await play.reached();
    proxy.blackHole();
    await play.write('unseen', 50);
    await until(async () => (await readyz(play.pipeline.anyNode)).status === 503, {
      describe: 'the source reported',
      timeoutMs: MOVED_MS,
    });
    const connections = proxy.counters.connections;
    // gRPC's keepalive has given the old connection up, and dialled again.
    await until(() => proxy.counters.connections > connections, { describe: 'a new connection', timeoutMs: MOVED_MS });
    proxy.forward();
    expect(proxy.counters.held).toBeGreaterThan(0);
    await play.reached(undefined, MOVED_MS);
    await play.expectEqual(60);
    await play.expectSameVersions();
    // The probe looks now and then, and may find out later than the tail.
    await until(async () => (await readyz(play.pipeline.anyNode)).status === 200, {
      describe: 'the source well again',
    });
  });
});

describe('a source of three members', () => {
  let cluster: EtcdCluster;
  let victim: EtcdServer;
  let healthy: EtcdServer;

  beforeAll(async () => {
    cluster = await servers.etcdCluster({ flags: TOKENS });
    const [first, second] = cluster.members;
    if (first === undefined || second === undefined) throw new Error('three members were asked for');
    [victim, healthy] = [first, second];
  });

  /** The tail begins at the first endpoint: the member that will have the fault. */
  const stage = (name: string) =>
    Stage.start(name, { source: healthy, destination, nats }, { nodes: 1, sourceHop: { endpoints: cluster.urls } });

  const FAULTS: Record<string, { begin: () => Promise<void>; end: () => Promise<void> }> = {
    frozen: { begin: () => victim.pause(), end: () => victim.resume() },
    'cut off from the others': { begin: async () => cluster.isolate(victim), end: async () => cluster.heal() },
  };

  it.each(Object.keys(FAULTS))('the member it tails is %s: the tail moves to another one', async (what) => {
    const fault = FAULTS[what];
    await using play = await stage(`moves-${what.length}`);
    await play.write('before', 10);
    await play.reached();
    expect(await watchers(victim)).toBeGreaterThan(0);
    const before = await watchers(healthy);

    await fault?.begin();
    try {
      // The rest of the cluster may have to elect a leader first.
      await until(() => play.source.revision(), { describe: 'a cluster without the member', timeoutMs: MOVED_MS });
      await play.write('after', 20);
      await play.reached(undefined, MOVED_MS);
      const now = await Promise.all(cluster.members.filter((member) => member !== victim).map(watchers));
      expect(Math.max(...now)).toBeGreaterThan(before);
    } finally {
      await fault?.end();
    }
    await play.write('healed', 10);
    await play.reached();
    await play.expectEqual(40);
    await play.expectSameVersions();
    expect((await play.expectOneChain()).kinds).toMatchObject({ reset: 1 });
  });

  describe('with authentication', () => {
    let directory: string;
    let protectedDestination: EtcdServer;
    let play: Stage;
    let written = 0;

    /** As root, by etcdctl: the JSON gateway of these tests cannot log in. */
    async function put(count: number): Promise<number> {
      let revision = 0;
      for (let n = 0; n < count; n++) {
        const answer = await healthy.etcdctl(['put', `/auth/key/${written++}`, 'value', '-w', 'json']);
        revision = (JSON.parse(answer.toString()) as { header: { revision: number } }).header.revision;
      }
      return revision;
    }

    beforeAll(async () => {
      protectedDestination = await servers.etcd({ flags: TOKENS });
      const permissions = [
        { right: 'read', prefix: '' },
        { right: 'readwrite', prefix: '/__tidemark/' },
        { right: 'readwrite', prefix: '/auth/' },
      ] as const;
      const auth = { rootPassword: PASSWORD, users: [{ name: 'tidemark', password: PASSWORD, permissions }] };
      await Promise.all([healthy.enableAuth(auth), protectedDestination.enableAuth(auth)]);
      directory = mkdtempSync(join(tmpdir(), 'tidemark-passwords-'));
      const passwordFile = join(directory, 'password');
      writeFileSync(passwordFile, PASSWORD);
      const login = { auth: { username: 'tidemark', passwordFile } };
      const replica = {
        ...{ name: 'replica', kind: 'etcd', endpoints: [protectedDestination.url], ...login },
        routes: [{ prefix: '/auth/' }],
      };
      play = await Stage.start(
        'auth',
        { source: healthy, destination: protectedDestination, nats },
        { nodes: 1, sourceHop: { endpoints: cluster.urls, ...login }, destinations: [replica] },
      );
      await play.pipeline.anyNode.reached('replica', await put(5));
    });

    afterAll(async () => {
      await play[Symbol.asyncDispose]();
      rmSync(directory, { recursive: true });
    });

    it('tail, writes and elections survive the end of their tokens', async () => {
      const node = play.pipeline.anyNode;
      const { leader } = await node.status();
      await node.pause();
      const expired = (server: EtcdServer) => server.log().split('deleted a simple token').length;
      const before = [victim, protectedDestination].map(expired);
      await until(() => [victim, protectedDestination].every((server, at) => expired(server) > (before[at] ?? 0)), {
        describe: () => `tokens that end; log:\n${victim.log().slice(-2000)}`,
        timeoutMs: 20_000,
      });
      const revision = await put(5);
      await node.resume();
      await node.reached('replica', revision);
      expect((await node.status()).leader?.term).toBeGreaterThan(leader?.term ?? 0);
      await play.expectEqual(10);
    });

    it('tail and elections survive the restart of their member', async () => {
      await victim.kill();
      await play.pipeline.anyNode.reached('replica', await put(5));
      await victim.start();
      await protectedDestination.kill();
      const revision = await put(5);
      await protectedDestination.start();
      await play.pipeline.anyNode.reached('replica', revision);
      await play.expectEqual(20);
    });

    it('a role that is revoked is seen in /readyz and status, and granting it again heals', async () => {
      const node = play.pipeline.anyNode;
      await healthy.etcdctl(['user', 'revoke-role', 'tidemark', 'tidemark']);
      const denied = await until(
        async () => {
          const { status, body } = await readyz(node);
          return status === 503 && body.includes('ACCESS_DENIED') && body;
        },
        { describe: 'the refusal in /readyz', timeoutMs: MOVED_MS },
      );
      expect(denied).toContain('permission denied');
      expect(denied).not.toContain(PASSWORD);
      const status = await (await node.fetch('/v1/status')).text();
      expect(status).toContain('ACCESS_DENIED');

      const revision = await put(5);
      await healthy.etcdctl(['user', 'grant-role', 'tidemark', 'tidemark']);
      await node.reached('replica', revision);
      await until(async () => (await readyz(node)).status === 200, { describe: 'ready again', timeoutMs: MOVED_MS });
      await play.expectEqual(25);
      await play.expectSameVersions();
    });
  });
});
