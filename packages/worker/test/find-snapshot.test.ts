import { JournalHints, SnapshotRequests } from '@tidemark/core';
import { MemoryFacts, never, shortWaits } from '@tidemark/testing';
import { beforeAll, beforeEach, expect, it } from 'vitest';
import { findSnapshot, type SnapshotSearch, snapshotNow } from '../src/resync/find-snapshot.js';
import { Chronicle } from './support/chronicle.js';

beforeAll(shortWaits);

let chronicle: Chronicle;
let facts: MemoryFacts;
let search: SnapshotSearch;

/** The leader takes the journal over, as it does with an older one that was put back: the reset, and then the hint. */
async function takesOver(): Promise<void> {
  await chronicle.reset('journal_lost');
  const position = { generation: chronicle.generation, revision: chronicle.source.revision };
  await new JournalHints(facts).write({ journal: chronicle.stream.id, position }, never);
}

beforeEach(async () => {
  chronicle = new Chronicle();
  facts = new MemoryFacts();
  chronicle.source.put('/a/key', 'old');
  await chronicle.reset();
  chronicle.source.put('/a/key', 'new');
  await new JournalHints(facts).write({ journal: 'another', position: { generation: 7, revision: 7 } }, never);
  const { journal } = chronicle;
  const [hints, requests] = [new JournalHints(facts), new SnapshotRequests(facts)];
  search = { name: 'codfw', journal, hints, requests, delayMs: 0 };
});

/** The leader takes over between two questions of the worker: what it asks first is answered before. */
function takenOverInBetween(): SnapshotSearch {
  const { journal, hints } = search;
  let asked = 0;
  const afterFirst = async <T>(answer: Promise<T>): Promise<T> => {
    const first = asked++ === 0;
    const value = await answer;
    if (first) await takesOver();
    return value;
  };
  const info: typeof journal.info = (signal) => afterFirst(journal.info(signal));
  const read: typeof hints.read = (signal) => afterFirst(hints.read(signal));
  return {
    ...search,
    journal: Object.assign(Object.create(journal) as typeof journal, { info }),
    hints: Object.assign(Object.create(hints) as typeof hints, { read }),
  };
}

it('what an older journal held is no snapshot for a resync, also while its leader takes it over', async () => {
  expect(await findSnapshot(takenOverInBetween(), null, never)).toMatchObject({ position: { generation: 2 } });
});

it('what an older journal held is no snapshot that a resync would begin with now', async () => {
  const found = await snapshotNow(takenOverInBetween(), null, never);
  expect(found?.position.generation).not.toBe(1);
  expect(await snapshotNow(search, null, never)).toMatchObject({ position: { generation: 2 } });
});
