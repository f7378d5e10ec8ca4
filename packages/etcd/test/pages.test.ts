import { prefixRange } from '@tidemark/core';
import type { IRangeRequest } from 'etcd3';
import { expect, it } from 'vitest';
import type { EtcdClient } from '../src/client/client.js';
import { readPages } from '../src/store/pages.js';
import type { RangePage } from '../src/wire/range-page.js';

const EMPTY: RangePage = {
  header: { clusterId: '1', revision: 7, raftTerm: 1 },
  more: false,
  keys: 0,
  lastKey: null,
  bytes: 0,
  *slices() {
    yield* [];
  },
};

it('a page is asked for without an order: etcd would read all the rest of the range before it applies the limit', async () => {
  const requests: IRangeRequest[] = [];
  const client = {
    call: async (_method: unknown, request: IRangeRequest) => {
      requests.push(request);
      return EMPTY;
    },
  } as unknown as EtcdClient;
  const { signal } = new AbortController();
  await readPages(client, { range: prefixRange(Buffer.from('/a/')), revision: undefined }, signal);
  expect(requests).toEqual([expect.objectContaining({ limit: expect.any(Number) })]);
  // Also no restriction by revision: it has the same effect.
  const costly = ['sort_order', 'sort_target', 'min_mod_revision', 'max_mod_revision'] as const;
  for (const field of costly) expect(requests[0]).not.toHaveProperty(field);
});

it('every page is read at the revision of the first one, and begins after the page before', async () => {
  const requests: IRangeRequest[] = [];
  const client = {
    call: async (_method: unknown, request: IRangeRequest) => {
      const read = requests.push(request);
      const lastKey = Buffer.from(`/a/${read}`);
      // The source goes on meanwhile.
      const header = { ...EMPTY.header, revision: 6 + read };
      return { ...EMPTY, header, more: read < 3, keys: 1, lastKey, bytes: 10 };
    },
  } as unknown as EtcdClient;
  const { signal } = new AbortController();
  const { revision, pages } = await readPages(
    client,
    { range: prefixRange(Buffer.from('/a/')), revision: undefined },
    signal,
  );
  for await (const _ of pages);
  expect(revision).toBe(7);
  expect(requests.map((request) => request.revision)).toEqual([0, 7, 7]);
  expect(requests.map(({ key }) => key?.toString())).toEqual(['/a/', '/a/1\0', '/a/2\0']);
});
