import { randomBytes } from 'node:crypto';
import { type Journal, NO_LEASE } from '@tidemark/core';
import { localServers, someAnchor } from '@tidemark/testing';
import { afterAll, expect, it } from 'vitest';
import { NatsUnderTest } from './nats-under-test.js';

/** So many readers that the equal share of each is smaller than a message. */

const READERS = 100;
const LARGE_BYTES = 700 * 1024;

const servers = localServers();
const opened: NatsUnderTest[] = [];

afterAll(async () => {
  await Promise.all(opened.map((journal) => journal.close()));
  await servers[Symbol.asyncDispose]();
});

/** The revisions up to one, as a reader of its own is handed them. */
async function readUpTo(journal: Journal, revision: number): Promise<number[]> {
  const stopping = new AbortController();
  const revisions: number[] = [];
  for await (const { record } of journal.read('oldest', stopping.signal)) {
    if (record.kind === 'batch') revisions.push(record.revision);
    if (record.revision === revision) stopping.abort();
  }
  return revisions;
}

it('a message larger than the share of its reader passes, between small ones', { timeout: 60_000 }, async () => {
  const under = new NatsUnderTest((await servers.nats()).url);
  opened.push(under);
  const journal = await under.node();
  const { signal } = new AbortController();
  const writer = await journal.takeOver(await journal.head(signal), 1, 'a', signal);
  const snapshot = { id: 's', position: { generation: 1, revision: 1 }, keys: 0, bytes: 0, createdAt: 0, rewind: null };
  const why = { reason: 'first_start', evidence: '', anchor: someAnchor } as const;
  await writer.append({ kind: 'reset', generation: 1, revision: 1, ...why, snapshot });
  const revisions = [2, 3, 4, 5, 6, 7];
  for (const revision of revisions) {
    const value = randomBytes(revision % 2 === 0 ? 100 : LARGE_BYTES);
    const put = { kind: 'put', key: Buffer.from('k'), value, createRevision: 1, version: 1, lease: NO_LEASE } as const;
    const entries = [{ revision, changes: [put] }];
    await writer.append({ kind: 'batch', generation: 1, revision, anchor: someAnchor, entries });
  }
  const read = await Promise.all(Array.from({ length: READERS }, () => readUpTo(journal, 7)));
  expect(read).toEqual(Array.from({ length: READERS }, () => revisions));
});
