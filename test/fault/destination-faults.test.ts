import { rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { audit, type EtcdServer, localServers, type NatsServer, type Servers, until } from '@tidemark/testing';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { replicaOf, Stage } from './support/stage.js';

let servers: Servers;
let source: EtcdServer;
let nats: NatsServer;

beforeAll(async () => {
  servers = localServers();
  [source, nats] = await Promise.all([servers.etcd(), servers.nats()]);
});

afterAll(() => servers?.[Symbol.asyncDispose]());

/** Puts keys, each once, from now until it is stopped, and then waits until all are written. */
function load(stage: Stage): { stop: () => Promise<void> } {
  let going = true;
  const writing = (async () => {
    for (let n = 0; going; n++) await stage.source.put(`${stage.prefix}load/${n}`, 'x');
  })();
  return {
    stop: () => {
      going = false;
      return writing;
    },
  };
}

/** Waits until so many more revisions of the source are at the destination. */
async function goesOn(stage: Stage, revisions = 50): Promise<void> {
  await stage.pipeline.anyNode.reached('replica', (await stage.source.revision()) + revisions);
}

describe('a destination of three members', () => {
  it('loses its leader, gets it back, and has a frozen one: every effect is there once', async () => {
    const cluster = await servers.etcdCluster();
    const [destination] = cluster.members;
    if (destination === undefined) throw new Error('the cluster has no member');
    const replica = { ...replicaOf('three', destination), endpoints: cluster.urls };
    await using stage = await Stage.start(
      'three',
      { source, nats, destination },
      { nodes: 2, destinations: [replica] },
    );
    const writing = load(stage);
    try {
      await goesOn(stage);
      const first = await cluster.leader();
      await first.kill();
      const second = await cluster.leader();
      expect(second).not.toBe(first);
      await goesOn(stage);
      await first.start();
      await goesOn(stage);
      await second.pause();
      await goesOn(stage);
      await second.resume();
    } finally {
      await writing.stop();
    }
    await stage.reached();
    await stage.expectEqual(200);
    await stage.expectSameVersions();
  });
});

describe('a destination that is restored from a backup', () => {
  /** What is there when the backup is taken, and what is written, changed and deleted after it. */
  async function withBackup(stage: Stage, destination: EtcdServer): Promise<string> {
    await stage.write('before', 100);
    await stage.reached();
    const backup = join(tmpdir(), `tidemark-${process.pid}-${stage.name}.snapshot`);
    onTestFinished(() => rmSync(backup));
    await destination.snapshotSave(backup);
    await stage.write('after', 100);
    for (let n = 0; n < 10; n++) await stage.source.delete(`${stage.prefix}before/${n}`);
    await stage.reached();
    return backup;
  }

  async function untilEqual(stage: Stage, sourceServer: EtcdServer, destination: EtcdServer): Promise<void> {
    const { prefix } = stage;
    await until(
      async () => {
        const sides = { source: { server: sourceServer, prefix }, destination: { server: destination, prefix } };
        return (await audit(sides)).differences.length === 0;
      },
      { timeoutMs: 30_000, describe: 'equality' },
    );
  }

  it('while changes come in goes on from the backup, each effect once', async () => {
    const destination = await servers.etcd();
    await using stage = await Stage.start('restored', { source, nats, destination }, { nodes: 2 });
    const backup = await withBackup(stage, destination);
    const writing = load(stage);
    try {
      await goesOn(stage);
      await destination.restoreFrom(backup);
      await goesOn(stage);
    } finally {
      await writing.stop();
    }
    await stage.reached();
    await stage.expectEqual(200);
    await stage.expectSameVersions();
    expect((await stage.expectOneChain()).kinds).toMatchObject({ reset: 1 });
  });

  it('while nothing happens at the source is noticed, and brought up from the journal', async () => {
    const destination = await servers.etcd();
    // A source of its own, and coordination elsewhere: leases of this and of earlier pipelines would be changes, too.
    const [idle, { url }] = [await servers.etcd(), await servers.etcd()];
    const coordination = { endpoints: [url] };
    await using stage = await Stage.start('idle', { source: idle, nats, destination }, { nodes: 2, coordination });
    const backup = await withBackup(stage, destination);
    const revision = await stage.source.revision();
    await destination.restoreFrom(backup);
    await untilEqual(stage, idle, destination);
    await stage.expectSameVersions();
    // What was noticed was not a change: either the checkpoint stood elsewhere, or it was the connection that broke.
    expect(await stage.source.revision()).toBe(revision);
    const noticed = stage.pipeline.nodes.filter((node) => node.log().includes('applying stopped'));
    expect(noticed).not.toEqual([]);
  });

  it('to before what the journal keeps is brought up by difference', async () => {
    const destination = await servers.etcd();
    await using stage = await Stage.start(
      'beyond',
      { source, nats, destination },
      { nodes: 2, journal: { maxBytes: '1MiB' } },
    );
    const backup = await withBackup(stage, destination);
    const at = await stage.source.revision();
    for (let n = 0; n < 40; n++) await stage.source.put(`/elsewhere/${n}`, Buffer.alloc(100_000));
    await stage.reached();
    // The fault happened: the journal begins after the backup.
    const { first } = await stage.pipeline.anyNode.output('journal info');
    expect(first?.position.revision).toBeGreaterThan(at);
    await destination.restoreFrom(backup);
    await untilEqual(stage, source, destination);
    await stage.write('later', 10);
    await stage.reached();
    await stage.expectEqual(200);
  });
});

it('a value that is too large for a destination holds that one alone, and status and explain say what to do', async () => {
  const [small, large] = await Promise.all([servers.etcd({ flags: ['--max-request-bytes=100000'] }), servers.etcd()]);
  const destinations = [replicaOf('large', small), replicaOf('large', large, 'larger')];
  await using stage = await Stage.start('large', { source, nats, destination: small }, { nodes: 2, destinations });
  await stage.write('before', 3);
  await stage.reached();
  await stage.source.put(`${stage.prefix}big`, Buffer.alloc(200_000, 'v'));
  const last = await stage.write('later', 3);
  const node = stage.pipeline.anyNode;
  await node.reached('larger', last);
  const failed = await until(
    async () => {
      const replica = (await node.status()).destinations.find(({ name }) => name === 'replica');
      return replica?.state === 'failed' ? replica : null;
    },
    { describe: 'the destination failed' },
  );
  expect(failed.reason).toMatch(/REQUEST_TOO_LARGE.*\/large\/big: its value has 200000 bytes.*Set --max-request-bytes/);
  // From here on it goes alone, and stays failed over all attempts.
  const { stdout } = await node.command('explain', 'replica');
  expect(stdout).toContain('/large/big: its value has 200000 bytes');
  expect(failed.revision).toBeLessThan(last);

  await small.configure(['--max-request-bytes=2097152']);
  await small.stop();
  await small.start();
  await stage.reached();
  await stage.expectSameVersions();
});
