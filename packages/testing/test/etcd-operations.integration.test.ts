import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type EtcdServer, localServers, type Servers } from '../src/index.js';
import { runEtcdctl } from '../src/servers/etcdctl.js';

describe('what operators do to an etcd', () => {
  let servers: Servers;
  let directory: string;

  beforeAll(async () => {
    servers = localServers();
    directory = await mkdtemp(join(tmpdir(), 'tidemark-snapshot-'));
  });

  afterAll(async () => {
    await servers[Symbol.asyncDispose]();
    await rm(directory, { recursive: true });
  });

  it('restores a snapshot on the same address: revisions are used again for something else', async () => {
    const etcd = await servers.etcd();
    await etcd.etcdctl(['put', '/kept'], 'old');
    await etcd.snapshotSave(join(directory, 'one'));
    const [before, lost] = [await headerOf(etcd), await put(etcd, '/kept', 'lost')];

    await etcd.restoreFrom(join(directory, 'one'));
    expect(await headerOf(etcd)).toMatchObject(before);
    expect(await valueAt(etcd, '/kept')).toBe('old');
    expect(await put(etcd, '/other', 'history')).toBe(lost);

    // The restored data are the ones it starts with from now on, and can be replaced again.
    await etcd.kill();
    await etcd.start();
    expect(await valueAt(etcd, '/other')).toBe('history');
    await etcd.restoreFrom(join(directory, 'one'), ['--initial-cluster-token=other']);
    expect(await valueAt(etcd, '/other')).toBe('');
    expect((await headerOf(etcd)).cluster_id).not.toBe(before.cluster_id);
  });

  it('keeps the data when a restore fails', async () => {
    const etcd = await servers.etcd();
    await etcd.etcdctl(['put', '/kept'], 'old');
    await expect(etcd.restoreFrom(join(directory, 'nothing'))).rejects.toThrow(/snapshot restore of default failed/);
    await etcd.start();
    expect(await valueAt(etcd, '/kept')).toBe('old');
  });

  it('turns authentication on: root may do everything, a user what was granted, nobody nothing', async () => {
    const etcd = await servers.etcd({ flags: ['--auth-token-ttl=2'] });
    const users = [{ name: 'reader', password: 'letmein', permissions: [{ right: 'read' as const, prefix: '/app/' }] }];
    await etcd.enableAuth({ rootPassword: 'root:secret', users });
    await etcd.etcdctl(['put', '/app/a'], 'one');
    expect(await valueAt(etcd, '/app/a')).toBe('one');

    const as = (user: string | undefined, ...args: readonly string[]): Promise<Buffer> =>
      runEtcdctl({ endpoint: etcd.url, args: [...args, ...(user === undefined ? [] : ['--user', user])] });
    expect(String(await as('reader:letmein', 'get', '/app/a', '--print-value-only'))).toBe('one\n');
    await expect(as('reader:letmein', 'put', '/app/a', 'two')).rejects.toThrow(/permission denied/);
    await expect(as('reader:letmein', 'get', '/other')).rejects.toThrow(/permission denied/);
    await expect(as('reader:wrong', 'get', '/app/a')).rejects.toThrow(/invalid user ID or password/);
    await expect(as(undefined, 'get', '/app/a')).rejects.toThrow(/user name is empty/);

    await etcd.stop();
    await etcd.start();
    expect(await valueAt(etcd, '/app/a')).toBe('one');
  });
});

interface Header {
  readonly cluster_id: number;
  readonly revision: number;
}

async function headerOf(etcd: EtcdServer): Promise<Header> {
  const output = await etcd.etcdctl(['get', '/', '-w', 'json']);
  const { cluster_id, revision } = (JSON.parse(output.toString()) as { header: Header }).header;
  return { cluster_id, revision };
}

async function put(etcd: EtcdServer, key: string, value: string): Promise<number> {
  const output = await etcd.etcdctl(['put', key, '-w', 'json'], value);
  return (JSON.parse(output.toString()) as { header: Header }).header.revision;
}

async function valueAt(etcd: EtcdServer, key: string): Promise<string> {
  return (await etcd.etcdctl(['get', key, '--print-value-only'])).toString().trimEnd();
}
