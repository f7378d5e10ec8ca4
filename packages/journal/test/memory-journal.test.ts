import { journalConformance, never, someAnchor } from '@tidemark/testing';
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
const why = { reason: 'first_start', evidence: '', anchor: someAnchor } as const;

const batch = (revision: number) =>
  ({ kind: 'batch', generation: 1, revision, anchor: someAnchor, entries: [{ revision, changes: [] }] }) as const;

function reset(generation: number, revision: number) {
  const position = { generation, revision };
  const snapshot = { id: 's', position, keys: 0, bytes: 0, createdAt: 0, rewind: null };
  return { kind: 'reset', ...position, ...why, snapshot } as const;
}

describe('MemoryJournal', () => {
  it('lets a reader go on by position when the stream lost what was read', async () => {
    const stream = new MemoryStream();
    const journal = new MemoryJournal(stream);
    const first = await journal.takeOver(await journal.head(never), 1, 'a', never);
    await first.append(reset(1, 1));
    await first.append(batch(2));
    await first.append(batch(3));
    const reader = journal.read({ after: { generation: 1, revision: 2 } }, never)[Symbol.asyncIterator]();
    expect((await reader.next()).value?.record.revision).toBe(3);

    stream.loseLast(2);
    const second = await journal.takeOver(await journal.head(never), 2, 'b', never);
    for (const revision of [2, 3, 4]) await second.append(batch(revision));
    expect((await reader.next()).value?.record).toMatchObject({ revision: 4, term: 2 });
  });

  it('lets a reader that has read nothing find a reset in the place of what is lost', async () => {
    const stream = new MemoryStream();
    const journal = new MemoryJournal(stream);
    const first = await journal.takeOver(await journal.head(never), 1, 'a', never);
    await first.append(reset(1, 1));
    for (const revision of [2, 3]) await first.append(batch(revision));
    const { lastSequence } = stream.bounds();
    const reader = journal.read({ after: { generation: 1, revision: 3 } }, never)[Symbol.asyncIterator]();
    const next = reader.next();
    await new Promise(setImmediate);
    stream.loseLast(2);
    const second = await journal.takeOver(await journal.head(never), 2, 'b', never);
    await second.append(reset(2, 4));
    expect(stream.bounds().lastSequence).toBe(lastSequence);
    const seen = [(await next).value?.record];
    while (seen.at(-1)?.kind !== 'reset') seen.push((await reader.next()).value?.record);
    expect(seen.at(-1)).toMatchObject({ generation: 2, revision: 4 });
  });
});
