import { describe, expect, it } from 'vitest';
import { type AuditedRange, audit } from '../src/index.js';

/** An etcd of which only `etcdctl get -w json` exists. */
function serverWith(keys: Readonly<Record<string, string>>): AuditedRange['server'] {
  const kvs = Object.entries(keys).map(([key, value]) => ({
    key: Buffer.from(key).toString('base64'),
    ...(value === '' ? {} : { value: Buffer.from(value).toString('base64') }),
  }));
  return { etcdctl: async () => Buffer.from(JSON.stringify({ kvs })) };
}

describe('audit', () => {
  it('finds what is missing, extra and different, and nothing else', async () => {
    const source = serverWith({ '/a/same': '1', '/a/empty': '', '/a/changed': 'x', '/a/gone': '', '/a/locks/1': 'l' });
    const destination = serverWith({ '/b/same': '1', '/b/empty': '', '/b/changed': 'y', '/b/größe': '1' });
    const result = await audit({
      source: { server: source, prefix: '/a/' },
      destination: { server: destination, prefix: '/b/' },
      exclude: ['/a/locks/'],
    });
    expect(result.keys).toBe(4);
    expect(result.differences).toEqual([
      { key: '/a/changed', kind: 'different' },
      { key: '/a/gone', kind: 'missing' },
      { key: '/a/gr\\xc3\\xb6\\xc3\\x9fe', kind: 'extra' },
    ]);
  });

  it('distinguishes an empty value from a missing key', async () => {
    const result = await audit({
      source: { server: serverWith({ '/k': '' }), prefix: '/' },
      destination: { server: serverWith({}), prefix: '/' },
    });
    expect(result.differences).toEqual([{ key: '/k', kind: 'missing' }]);
  });
});
