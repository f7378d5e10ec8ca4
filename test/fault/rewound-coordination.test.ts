import { rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type EtcdServer,
  leaderCandidates,
  localServers,
  type NatsServer,
  type Servers,
  until,
} from '@tidemark/testing';
import { preferredOwner } from '@tidemark/worker';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { Stage } from './support/stage.js';

/** Longer than a restore takes: leases, and what they keep, come back with the backup and go on. */
const leaseTtl = '10s';

let servers: Servers;
let source: EtcdServer;
let destination: EtcdServer;
let nats: NatsServer;

beforeAll(async () => {
  servers = localServers();
  nats = await servers.nats();
});

beforeEach(async () => {
  [source, destination] = await Promise.all([servers.etcd(), servers.etcd()]);
});

afterAll(() => servers[Symbol.asyncDispose]());

/** Who leads, who owns and what is held stands in the source itself: a restore takes all of it back. */
describe('coordination in a source that is restored from a backup', () => {
  async function saved(name: string): Promise<string> {
    const backup = join(tmpdir(), `tidemark-${process.pid}-${name}.snapshot`);
    onTestFinished(() => rmSync(backup));
    await source.snapshotSave(backup);
    return backup;
  }

  it('hands a destination over while it is held, with its hold', async () => {
    await using stage = await Stage.prepare('handed', { source, destination, nats }, { nodes: 2, leaseTtl: '5s' });
    const { nodes } = stage.pipeline;
    const best = preferredOwner(
      'replica',
      nodes.map(({ id }) => id),
    );
    const [first, preferred] = nodes.toSorted((a, b) => Number(a.id === best) - Number(b.id === best));
    if (first === undefined || preferred === undefined) throw new Error('there are two nodes');
    await first.start();
    await stage.write('before', 50);
    const backup = await saved(stage.name);
    await stage.write('lost', 500);
    const { generation } = await stage.reached(first);
    await preferred.start();
    await source.restoreFrom(backup);

    // By the first; on a machine so slow that its lease ran out, by the other one already.
    const held = await first.showsState('replica', 'held');
    const handed = await first.shows('held by the preferred', ({ destinations: [replica] }) => {
      return replica?.state === 'held' && replica.owner === preferred.id && replica;
    });
    expect(handed.hold).toEqual(held.hold);
    const approved = await first.approve('replica');
    expect(approved, approved.stderr).toMatchObject({ code: 0 });
    await stage.begunAnew(generation);
    await stage.expectEqual(50);
  });

  it('has a leader again when its election key is newer than the backup', async () => {
    const options = { nodes: 2, leaseTtl };
    await using stage = await Stage.start('elected', { source, destination, nats }, options);
    const { pipeline } = stage;
    await stage.write('before', 50);
    const before = await stage.reached();
    const candidates = () => leaderCandidates(source, stage.name);
    await until(async () => (await candidates()).length === 2, { describe: 'two candidates' });
    const backup = await saved(stage.name);
    for (let swap = 0; swap < 2; swap++) {
      const former = await pipeline.leader();
      expect(await former.command('step-down')).toMatchObject({ code: 0 });
      await until(async () => (await pipeline.leader()) !== former, { describe: 'another leader' });
      await until(async () => (await candidates()).length === 2, { describe: 'two candidates again' });
    }
    await stage.write('lost', 500);
    await stage.reached();
    await source.restoreFrom(backup);

    // Who leads is again what the keys say.
    await until(
      async () => {
        const [first] = await candidates();
        return first !== undefined && first.node === (await pipeline.leader()).id;
      },
      { timeoutMs: 30_000, describe: 'a leader by its key' },
    );
    const leader = await pipeline.leader();
    await leader.stop();
    const node = pipeline.anyNode;
    await node.showsState('replica', 'held');
    expect(await node.approve('replica')).toMatchObject({ code: 0 });
    await stage.write('after', 50);
    await stage.begunAnew(before.generation);
    await stage.expectEqual(100);
  });
});
