import { type Change, NO_LEASE, prefixRange, type RouteConfig, rangeContains } from '@tidemark/core';
import { describe, expect, it } from 'vitest';
import { Filter } from '../src/index.js';

const reserved = [prefixRange(Buffer.from('/__tidemark/'))];
const some: RouteConfig = { prefix: '/a/', rewrite: '/b/', exclude: ['/a/x/', '/a/y/'], leased: 'keep' };

const fingerprint = (...routes: readonly RouteConfig[]) => new Filter(routes, reserved).fingerprint;

/** How often a key is counted. */
function timesCounted(filter: Filter, key: string): number {
  const name = Buffer.from(key);
  return filter.countedRanges.reduce((times, { plus, minus }) => {
    const without = minus.filter((range) => rangeContains(range, name)).length;
    return times + (rangeContains(plus, name) ? 1 : 0) - without;
  }, 0);
}

describe('what is counted of a destination', () => {
  it('is what belongs to the routes, under the names that it has there', () => {
    const filter = new Filter([some], reserved);
    for (const key of ['/b/1', '/b/x', '/b/x/1', '/b/y/1', '/a/x/1', '/__tidemark/1']) {
      expect([key, timesCounted(filter, key)]).toEqual([key, filter.owns(Buffer.from(key)) ? 1 : 0]);
    }
  });

  it('is taken off once where parts that do not belong lie in one another', () => {
    const exclude = ['/x/', '/x/deep/', '/x/', '/__tidemark/', '/__tidemark/eqiad/'];
    const filter = new Filter([{ prefix: '', exclude, leased: 'keep' }], reserved);
    for (const key of ['/1', '/x/1', '/x/deep/1', '/__tidemark/1', '/__tidemark/eqiad/1']) {
      expect([key, timesCounted(filter, key)]).toEqual([key, filter.owns(Buffer.from(key)) ? 1 : 0]);
    }
  });
});

describe('the writes of a revision', () => {
  const leasedToo: RouteConfig = { prefix: '/a/', rewrite: '/c/', exclude: [], leased: 'keep' };
  const changes = ['/a/1', '/a/2'].map(
    (key): Change => ({
      ...{ kind: 'put', key: Buffer.from(key), value: Buffer.from('v') },
      ...{ createRevision: 1, version: 1, lease: NO_LEASE },
    }),
  );

  it('come in one order, whatever the order of the routes is: a checkpoint may count them', () => {
    const written = (...routes: readonly RouteConfig[]) =>
      new Filter(routes, reserved).mapEntry({ changes }).map(({ key }) => key.toString());
    expect(written(some, leasedToo)).toHaveLength(4);
    expect(written(some, leasedToo)).toEqual(written(leasedToo, some));
  });
});

describe('the name of some routes', () => {
  it('is the same for what means the same', () => {
    const other: RouteConfig = { prefix: '/c/', exclude: [], leased: 'keep' };
    expect(fingerprint(some, other)).toBe(fingerprint(other, { ...some, exclude: some.exclude.toReversed() }));
    expect(fingerprint(other)).toBe(fingerprint({ ...other, rewrite: '/c/' }));
  });

  it.each<[string, Partial<RouteConfig>]>([
    ['what is taken', { prefix: '/aa/' }],
    ['what it is called', { rewrite: '/bb/' }],
    ['what is left out', { exclude: ['/a/x/'] }],
    ['whether leased keys are skipped', { leased: 'skip' }],
  ])('is another one when %s changes', (_, change) => {
    expect(fingerprint({ ...some, ...change })).not.toBe(fingerprint(some));
  });
});

it('a leased key of a snapshot is left out where such keys are skipped', () => {
  const keyValue = { key: Buffer.from('/a/1'), value: Buffer.from('v'), createRevision: 1, modRevision: 1, version: 1 };
  const [route] = new Filter([{ ...some, leased: 'skip' }], reserved).routes;
  expect(route?.mapKeyValue({ ...keyValue, lease: 7n })).toBeNull();
  expect(route?.mapKeyValue({ ...keyValue, lease: NO_LEASE })).toMatchObject({ key: Buffer.from('/b/1') });
});
