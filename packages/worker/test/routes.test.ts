import { type Change, compareKeys, prefixRange, type RouteConfig } from '@tidemark/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Route } from '../src/routes/route.js';

const reserved = [prefixRange(Buffer.from('/__tidemark/'))];

function route(config: Partial<RouteConfig> & { prefix: string }): Route {
  return new Route({ exclude: [], leased: 'keep', ...config }, reserved);
}

function put(key: string, lease = 0n) {
  return {
    kind: 'put',
    key: Buffer.from(key),
    value: Buffer.from('v'),
    createRevision: 1,
    version: 1,
    lease,
  } satisfies Change;
}

describe('a route', () => {
  it('takes keys with its prefix and leaves out what is excluded', () => {
    const conftool = route({ prefix: '/conftool/', exclude: ['/conftool/v1/locks/'] });
    expect(conftool.mapKey(Buffer.from('/conftool/v1/pools/a'))?.toString()).toBe('/conftool/v1/pools/a');
    expect(conftool.mapKey(Buffer.from('/conftool/v1/locks/a'))).toBeNull();
    expect(conftool.mapKey(Buffer.from('/other'))).toBeNull();
  });

  it('replaces the prefix', () => {
    expect(route({ prefix: '/a/', rewrite: '/b/c/' }).mapKey(Buffer.from('/a/x'))?.toString()).toBe('/b/c/x');
  });

  it('leaves out the key of which its rewrite leaves nothing: no etcd takes it', () => {
    const bare = route({ prefix: '/a', rewrite: '' });
    expect(bare.mapKey(Buffer.from('/a'))).toBeNull();
    expect(bare.mapChange(put('/a'))).toBeNull();
    expect(bare.mapKeyValue({ ...put('/a'), value: Buffer.from('v'), modRevision: 1 })).toBeNull();
    expect(bare.owns(Buffer.alloc(0))).toBe(false);
    expect(bare.mapKey(Buffer.from('/a/x'))?.toString()).toBe('/x');
  });

  it('never writes where checkpoints live', () => {
    expect(route({ prefix: '' }).mapKey(Buffer.from('/__tidemark/eqiad/codfw/checkpoint'))).toBeNull();
    expect(route({ prefix: '/x/', rewrite: '/__tidemark/' }).mapKey(Buffer.from('/x/a'))).toBeNull();
    expect(route({ prefix: '' }).owns(Buffer.from('/__tidemark/eqiad/codfw/checkpoint'))).toBe(false);
  });

  it('turns a put that gained a lease into a delete when leased keys are skipped', () => {
    const skipping = route({ prefix: '/', leased: 'skip' });
    expect(skipping.mapChange(put('/a', 7n))).toEqual({ kind: 'delete', key: Buffer.from('/a') });
    expect(skipping.mapChange(put('/a'))).toMatchObject({ kind: 'put' });
    expect(route({ prefix: '/' }).mapChange(put('/a', 7n))).toMatchObject({ kind: 'put' });
  });

  it('maps sorted keys to sorted keys that it owns', () => {
    const key = fc.uint8Array({ minLength: 0, maxLength: 6 }).map((rest) => Buffer.concat([Buffer.from('/a/'), rest]));
    fc.assert(
      fc.property(fc.array(key), (keys) => {
        const mapping = route({ prefix: '/a/', rewrite: '/zz/', exclude: ['/a/x'] });
        const sorted = keys.toSorted(compareKeys);
        const mapped = sorted.flatMap((each) => mapping.mapKey(each) ?? []);
        expect(mapped.toSorted(compareKeys)).toEqual(mapped);
        for (const each of mapped) expect(mapping.owns(each)).toBe(true);
      }),
    );
  });
});
