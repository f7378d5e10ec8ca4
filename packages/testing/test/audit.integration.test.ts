import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  audit,
  CONFTOOL_PREFIX,
  conftoolKeyspace,
  type EtcdServer,
  loadKeys,
  localServers,
  type Servers,
} from '../src/index.js';

describe('audit of two real servers', () => {
  const servers: Servers = localServers();
  let left: EtcdServer;
  let right: EtcdServer;

  beforeAll(async () => {
    [left, right] = await Promise.all([servers.etcd(), servers.etcd()]);
  });

  afterAll(() => servers[Symbol.asyncDispose]());

  const compare = (revision?: number) =>
    audit({
      source: { server: left, prefix: CONFTOOL_PREFIX, ...(revision === undefined ? {} : { revision }) },
      destination: { server: right, prefix: CONFTOOL_PREFIX },
    });

  it('agrees on equal keyspaces and names a single changed key, but not at the revision before it', async () => {
    const keyspace = [...conftoolKeyspace({ seed: 1, keys: 2_000 })];
    const [revision] = await Promise.all([loadKeys(left, keyspace), loadKeys(right, keyspace, { perRevision: 100 })]);
    expect(revision).toBe(1 + Math.ceil(2_000 / 128));
    expect(await compare()).toEqual({ keys: 2_000, differences: [] });

    const key = keyspace[1_234]?.key ?? '';
    await left.etcdctl(['put', key, 'changed']);
    expect((await compare()).differences).toEqual([{ key, kind: 'different' }]);
    expect((await compare(revision)).differences).toEqual([]);
  });
});
