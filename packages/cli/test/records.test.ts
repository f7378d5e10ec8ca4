import { MemoryJournal, MemoryStream } from '@tidemark/journal';
import { someAnchor } from '@tidemark/testing';
import { expect, it } from 'vitest';
import { Node } from '../src/node/node.js';

const never = new AbortController().signal;

it('records end where the journal ends, though it showed more before', async () => {
  const stream = new MemoryStream();
  const journal = new MemoryJournal(stream);
  const writer = await journal.takeOver(await journal.head(never), 1, 'a', never);
  const position = { generation: 1, revision: 1 };
  const snapshot = { id: 's', position, keys: 0, bytes: 0, createdAt: 0, rewind: null };
  const why = { reason: 'first_start', evidence: '', anchor: someAnchor } as const;
  await writer.append({ kind: 'reset', ...position, ...why, snapshot });
  for (const revision of [2, 3, 4]) {
    const entries = [{ revision, changes: [] }];
    await writer.append({ kind: 'batch', generation: 1, revision, anchor: someAnchor, entries });
  }
  const config = { name: 'p', source: { endpoints: [] }, coordination: { endpoints: [], prefix: '/__tidemark/' } };
  const seen: number[] = [];
  const node = new Node({ journal, config } as unknown as ConstructorParameters<typeof Node>[0]);
  for await (const { revision } of node.records(2, never)) {
    seen.push(revision);
    if (revision === 2) stream.loseLast(1);
  }
  expect(seen).toEqual([1, 2, 3]);
});
