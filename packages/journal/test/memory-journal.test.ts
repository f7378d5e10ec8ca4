import { journalConformance, someAnchor } from '@tidemark/testing';
import { describe, expect, it } from 'vitest';
import { MemoryJournal, MemoryStream } from '../src/index.js';
import { abandonedFrame } from './abandoned.js';

journalConformance('MemoryJournal', async (options = {}) => {
  const stream = new MemoryStream(options);
  return {
    node: async () => new MemoryJournal(stream),
    abandonPart: async () => stream.append(stream.bounds().lastSequence, abandonedFrame()),
  };
});

describe('MemoryJournal', () => {
  it('lets a reader go on by position when the stream lost what was read', async () => {
    const stream = new MemoryStream();
    const journal = new MemoryJournal(stream);
    const never = new AbortController().signal;
    const batch = (revision: number) =>
      ({ kind: 'batch', generation: 1, revision, anchor: someAnchor, entries: [{ revision, changes: [] }] }) as const;
    const snapshot = {
      id: 's',
      position: { generation: 1, revision: 1 },
      keys: 0,
      bytes: 0,
      createdAt: 0,
      rewind: null,
    };
    const first = await journal.takeOver(await journal.head(never), 1, 'a', never);
    const why = { reason: 'first_start', evidence: '', anchor: someAnchor } as const;
    await first.append({ kind: 'reset', generation: 1, revision: 1, ...why, snapshot });
    await first.append(batch(2));
    await first.append(batch(3));
    const reader = journal.read({ after: { generation: 1, revision: 2 } }, never)[Symbol.asyncIterator]();
    expect((await reader.next()).value?.record.revision).toBe(3);

    stream.loseLast(2);
    const second = await journal.takeOver(await journal.head(never), 2, 'b', never);
    for (const revision of [2, 3, 4]) await second.append(batch(revision));
    expect((await reader.next()).value?.record).toMatchObject({ revision: 4, term: 2 });
  });
});
