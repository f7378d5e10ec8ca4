import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type EtcdCluster, type EtcdServer, localServers, type Servers, until } from '../src/index.js';
import { httpBody } from '../src/servers/probe.js';

const BRIEF = ['--dial-timeout=1s', '--command-timeout=2s'];

describe('an etcd cluster', () => {
  let servers: Servers;
  let cluster: EtcdCluster;

  beforeAll(async () => {
    servers = localServers();
    cluster = await servers.etcdCluster();
  });

  beforeEach(() => cluster.heal());

  afterAll(() => servers[Symbol.asyncDispose]());

  const valueAt = async (member: EtcdServer, key: string, ...flags: readonly string[]): Promise<string> =>
    (await member.etcdctl(['get', key, '--print-value-only', ...flags])).toString().trimEnd();

  /** Two that stay together, the leader of before not among them. */
  const split = async (): Promise<{ leader: EtcdServer; others: [EtcdServer, EtcdServer] }> => {
    const leader = await cluster.leader();
    const [first, second] = cluster.members.filter((member) => member !== leader);
    if (first === undefined || second === undefined) throw new Error('the cluster has fewer than three members');
    return { leader, others: [first, second] };
  };

  it('has three members with one history', async () => {
    const [first, second, third] = cluster.members;
    await first?.etcdctl(['put', '/a'], 'one');
    expect(cluster.urls).toEqual([first?.url, second?.url, third?.url]);
    for (const member of cluster.members) expect(await valueAt(member, '/a')).toBe('one');
    const list = JSON.parse(String(await second?.etcdctl(['member', 'list', '-w', 'json']))) as { members: unknown[] };
    expect(list.members).toHaveLength(3);
  });

  it('elects another leader when the leader is killed, and takes the old one back', async () => {
    const { leader, others } = await split();
    await leader.kill();
    expect(others).toContain(await cluster.leader());
    await others[0].etcdctl(['put', '/killed'], 'while down');
    await leader.start();
    expect(await valueAt(leader, '/killed')).toBe('while down');
  });

  it('isolates a leader that clients still reach: it serves old data and takes no writes', async () => {
    const { leader, others } = await split();
    await others[0].etcdctl(['put', '/isolated'], 'before');
    expect(await valueAt(leader, '/isolated')).toBe('before');
    cluster.isolate(leader);
    const next = await cluster.leader();
    expect(others).toContain(next);
    await next.etcdctl(['put', '/isolated'], 'after');

    expect(await valueAt(leader, '/isolated', '--consistency=s')).toBe('before');
    await expect(leader.etcdctl(['put', '/isolated', ...BRIEF], 'from the minority')).rejects.toThrow(/etcdctl put/);
    const held = others.flatMap((other) => [cluster.link(leader, other), cluster.link(other, leader)]);
    expect(held.reduce((sum, link) => sum + link.counters.held, 0)).toBeGreaterThan(0);

    cluster.heal();
    await until(async () => (await valueAt(leader, '/isolated', '--consistency=s')) === 'after', {
      describe: 'the member to catch up',
    });
  });

  it('blocks one direction: a follower that no longer hears the leader is still heard by it', async () => {
    const { leader, others } = await split();
    const [deaf, other] = others;
    cluster.block(leader, deaf);
    await until(async () => (await statusOf(deaf)).leader === undefined, {
      timeoutMs: 20_000,
      describe: 'the follower to miss its leader',
    });
    expect(cluster.link(leader, deaf).counters.held + cluster.link(deaf, leader).counters.held).toBeGreaterThan(0);

    // It asks for votes. The leader, which opened the stream they come on, does not listen while it has a majority.
    const heard = (): number => cluster.link(leader, deaf).counters.bytesToClient;
    const before = heard();
    await until(() => heard() > before, { describe: 'something from it to arrive' });
    await other.etcdctl(['put', '/one-way'], 'written');
    await expect(deaf.etcdctl(['get', '/one-way', ...BRIEF])).rejects.toThrow(/etcdctl get/);

    cluster.heal();
    await until(async () => (await statusOf(deaf)).leader !== undefined, { describe: 'a leader that it hears' });
    expect(await valueAt(deaf, '/one-way')).toBe('written');
  });

  it('freezes a leader: the others go on without it', async () => {
    const { leader, others } = await split();
    await leader.pause();
    expect(others).toContain(await cluster.leader());
    await leader.resume();
    await until(async () => (await httpBody(`${leader.url}/health`))?.includes('true'), {
      describe: 'it to come back',
    });
  });

  it('starts its members one after another, after all were stopped', async () => {
    await Promise.all(cluster.members.map((member) => member.stop()));
    for (const member of cluster.members) await member.start();
    expect(cluster.members).toContain(await cluster.leader());
  });

  it('is restored from a snapshot as a whole: same ids, earlier revisions', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'tidemark-snapshot-'));
    const [first, , third] = cluster.members;
    if (first === undefined || third === undefined) throw new Error('the cluster has fewer than three members');
    const before = await headerOf(first);
    await first.snapshotSave(join(directory, 'snapshot'));
    await first.etcdctl(['put', '/lost'], 'value');
    await expect(first.restoreFrom(join(directory, 'snapshot'))).rejects.toThrow(/cannot be restored/);

    await cluster.restoreFrom(join(directory, 'snapshot'));
    expect(await valueAt(third, '/lost')).toBe('');
    expect(await headerOf(first)).toEqual(before);
    await rm(directory, { recursive: true });
  });
});

async function headerOf(member: EtcdServer): Promise<{ cluster: number; member: number; revision: number }> {
  const answer = JSON.parse((await member.etcdctl(['get', '/', '-w', 'json'])).toString()) as {
    header: { cluster_id: number; member_id: number; revision: number };
  };
  const { cluster_id: cluster, member_id, revision } = answer.header;
  return { cluster, member: member_id, revision };
}

async function statusOf(member: EtcdServer): Promise<{ leader?: number }> {
  const output = await member.etcdctl(['endpoint', 'status', '-w', 'json', ...BRIEF]);
  const [answer] = JSON.parse(output.toString()) as { Status: { leader?: number } }[];
  // Protobuf leaves a zero away: no leader.
  const { leader } = answer?.Status ?? {};
  return leader === undefined ? {} : { leader };
}
