import {
  type Entry,
  entryDigest,
  FencedError,
  InvariantError,
  JournalPositionLostError,
  type RecordDraft,
} from '@tidemark/core';
import { describe, expect, it } from 'vitest';
import { never } from '../waiting/never.js';
import { at, batch, begun, type OpenJournal, outline, readTo, readUntil, reset, takeOver } from './journal-harness.js';
import { snapshotConformance } from './journal-snapshots.js';

export type { JournalTestOptions, JournalUnderTest, OpenJournal } from './journal-harness.js';

/** What every implementation of the Journal contract has to do. */
export function journalConformance(name: string, open: OpenJournal): void {
  describe(`${name} as a journal`, () => {
    describe('writing', () => writing(open));
    describe('fencing', () => fencing(open));
    describe('reading', () => reading(open));
    describe('retention', () => retention(open));
    describe('snapshots', () => snapshotConformance(open));
  });
}

function writing(open: OpenJournal): void {
  it('begins empty, and with a reset', async () => {
    const journal = await (await open()).node();
    expect(await journal.head(never)).toEqual({ sequence: 0, last: null });
    expect(await journal.info(never)).toMatchObject({ first: null, last: null, deviations: [] });
    const writer = await takeOver(journal, 1);
    expect(writer.position).toBeNull();
    await expect(writer.append(batch(1))).rejects.toThrow(InvariantError);
    await writer.append(reset(10));
    expect(writer.position).toEqual(at(10));
    expect((await journal.info(never)).first).toMatchObject({ position: at(10), previous: 10 });
  });

  it('chains records, and adds term and time', async () => {
    const journal = await (await open()).node();
    const writer = await begun(journal, 10);
    await writer.append(batch(11, 13));
    await writer.append({ kind: 'progress', ...at(13) });
    await writer.append(batch(14));
    const records = await readTo(journal, 'oldest', 14);
    expect(outline(records)).toEqual(['reset 10-10', 'batch 10-13', 'progress 13-13', 'batch 13-14']);
    expect(records.every(({ record }) => record.term === 1 && record.time > 0)).toBe(true);
    expect(await journal.head(never)).toMatchObject({ sequence: 4, last: { position: at(14), term: 1 } });
  });

  it('refuses what does not follow, and stores none of it', async () => {
    const journal = await (await open()).node();
    const writer = await begun(journal, 10);
    await expect(writer.append(batch(12))).rejects.toThrow(InvariantError);
    await expect(writer.append(batch(10, 11))).rejects.toThrow(InvariantError);
    await expect(writer.append(reset(10, 1))).rejects.toThrow(InvariantError);
    await expect(writer.append({ kind: 'progress', ...at(12) })).rejects.toThrow(InvariantError);
    await writer.append(batch(11));
    expect(outline(await readTo(journal, 'oldest', 11))).toEqual(['reset 10-10', 'batch 10-11']);
  });

  it('stores overlapping appends in call order', async () => {
    const journal = await (await open()).node();
    const writer = await begun(journal, 0);
    await Promise.all(Array.from({ length: 300 }, (_, index) => writer.append(batch(index + 1))));
    const records = await readTo(journal, 'oldest', 300);
    expect(records.map(({ record }) => record.revision)).toEqual(Array.from({ length: 301 }, (_, index) => index));
  });

  it('splits a record that is larger than a message, and puts it together again', async () => {
    const journal = await (await open()).node();
    const writer = await begun(journal, 1);
    const large = batch(2, 2, 3 * 1024 * 1024);
    await Promise.all([writer.append(large), writer.append(batch(3))]);
    const records = await readTo(journal, 'oldest', 3);
    expect(outline(records)).toEqual(['reset 1-1', 'batch 1-2', 'batch 2-3']);
    expect(records[2]?.sequence).toBeGreaterThan(4);
    const [found, stored] = [large, records[1]?.record].map((record) => entryDigest(firstEntry(record)));
    expect(found).toEqual(stored);
  });
}

/** `toEqual` on megabytes of buffer takes half a minute. */
function firstEntry(record: RecordDraft | undefined): Entry {
  const entry = record?.kind === 'batch' ? record.entries[0] : undefined;
  if (entry === undefined) throw new Error('expected a batch');
  return entry;
}

function fencing(open: OpenJournal): void {
  it('refuses an older writer from the moment another takes over', async () => {
    const shared = await open();
    const [older, newer] = [await shared.node(), await shared.node()];
    const first = await begun(older, 10);
    const second = await takeOver(newer, 2);
    await expect(first.append(batch(11))).rejects.toThrow(FencedError);
    await second.append(batch(11));
    expect(outline(await readTo(newer, 'oldest', 11))).toEqual(['reset 10-10', 'term 10-10', 'batch 10-11']);
  });

  it('refuses all appends that an older writer sends along, not only the first', async () => {
    const shared = await open();
    const [older, newer] = [await shared.node(), await shared.node()];
    const first = await begun(older, 10);
    const second = await takeOver(newer, 2);
    const late = [first.append(batch(11)), first.append(batch(12)), first.append(batch(13))];
    const results = await Promise.allSettled(late);
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
    await expect(first.append(batch(14))).rejects.toThrow(FencedError);
    await second.append(batch(11));
    expect(outline(await readTo(newer, 'oldest', 11))).toEqual(['reset 10-10', 'term 10-10', 'batch 10-11']);
  });

  it('lets one of two win that saw the same end', async () => {
    const shared = await open();
    const [one, two] = [await shared.node(), await shared.node()];
    await begun(one, 10);
    const head = await two.head(never);
    const results = await Promise.allSettled([
      one.takeOver(head, 2, 'one', never),
      two.takeOver(head, 3, 'two', never),
    ]);
    expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    const refused = results.find((result) => result.status === 'rejected');
    expect(refused?.reason).toBeInstanceOf(FencedError);
  });

  it('refuses a term that is older than the journal, and takes the same one again', async () => {
    const journal = await (await open()).node();
    await begun(journal, 10);
    await takeOver(journal, 5);
    await expect(takeOver(journal, 4)).rejects.toThrow(FencedError);
    expect((await takeOver(journal, 5)).position).toEqual(at(10));
  });

  it('drops the parts of a record that an older leader did not finish', async () => {
    const shared = await open();
    const journal = await shared.node();
    await (await begun(journal, 10)).append(batch(11));
    await shared.abandonPart();
    expect(await journal.head(never)).toMatchObject({ sequence: 3, last: { position: at(11) } });
    const writer = await takeOver(journal, 2);
    await writer.append(batch(12));
    const after = await readTo(journal, { after: at(11) }, 12);
    expect(outline(after)).toEqual(['batch 11-12']);
    const expected = ['reset 10-10', 'batch 10-11', 'term 11-11', 'batch 11-12'];
    expect(outline(await readTo(journal, 'oldest', 12))).toEqual(expected);
  });
}

function reading(open: OpenJournal): void {
  it('starts at the record that contains or follows a position', async () => {
    const journal = await (await open()).node();
    const writer = await begun(journal, 10);
    for (let revision = 11; revision < 71; revision += 3) await writer.append(batch(revision, revision + 2));
    expect(outline(await readTo(journal, { after: at(10) }, 13))).toEqual(['batch 10-13']);
    expect(outline(await readTo(journal, { after: at(41) }, 43))).toEqual(['batch 40-43']);
    expect(outline(await readTo(journal, { after: at(43) }, 46))).toEqual(['batch 43-46']);
  });

  it('waits at the end, and goes on with what is appended', async () => {
    const journal = await (await open()).node();
    const writer = await begun(journal, 10);
    const reading = readTo(journal, { after: at(10) }, 12);
    await writer.append(batch(11));
    await writer.append(batch(12));
    expect(outline(await reading)).toEqual(['batch 10-11', 'batch 11-12']);
  });

  it('hands out what comes when the position is ahead of the end', async () => {
    const journal = await (await open()).node();
    const writer = await begun(journal, 10);
    const ahead = journal.read({ after: at(12) }, never)[Symbol.asyncIterator]();
    const first = ahead.next();
    // Whether this is there before the reader has looked for the end or after it, 13 must come and 11 may.
    for (let revision = 11; revision <= 13; revision++) await writer.append(batch(revision));
    const seen = [(await first).value?.record.revision ?? 0];
    while (seen.at(-1) !== 13) seen.push((await ahead.next()).value?.record.revision ?? 0);
    expect([11, 12, 13].slice(-seen.length)).toEqual(seen);
    await ahead.return?.();
  });

  it('ends quietly when its signal aborts, even while waiting', async () => {
    const journal = await (await open()).node();
    await begun(journal, 10);
    const stop = new AbortController();
    let records = 0;
    for await (const _ of journal.read('oldest', stop.signal)) {
      records++;
      setImmediate(() => stop.abort());
    }
    expect(records).toBe(1);
    for await (const _ of journal.read('oldest', stop.signal)) records++;
    expect(records).toBe(1);
  });

  it('begins a new generation at a reset', async () => {
    const journal = await (await open()).node();
    const writer = await begun(journal, 10);
    await writer.append(batch(11, 12));
    await writer.append(reset(5, 2));
    await writer.append({ ...batch(6), generation: 2 });
    expect(writer.position).toEqual(at(6, 2));
    const records = await readUntil(journal, { after: at(11) }, ({ record }) => record.revision === 6);
    expect(outline(records)).toEqual(['batch 10-12', 'reset 5-5', 'batch 5-6']);
    const after = await readUntil(journal, { after: at(12) }, ({ record }) => record.revision === 6);
    expect(outline(after)).toEqual(['reset 5-5', 'batch 5-6']);
  });
}

function retention(open: OpenJournal): void {
  const maxBytes = 64 * 1024;

  it('makes a lost position visible, and reads on from the oldest record', async () => {
    const journal = await (await open({ maxBytes })).node();
    const writer = await begun(journal, 10);
    for (let revision = 11; revision <= 40; revision++) await writer.append(batch(revision, revision, 4096));
    const first = (await journal.info(never)).first;
    expect(first?.previous).toBeGreaterThan(10);
    await expect(readTo(journal, { after: at(10) }, 40)).rejects.toThrow(JournalPositionLostError);
    const kept = await readTo(journal, 'oldest', 40);
    expect(kept[0]?.record.revision).toBe(first?.position.revision);
    const edge = await readTo(journal, { after: at(first?.previous ?? 0) }, 40);
    expect(outline(edge)).toEqual(outline(kept));
  });

  it('reports to a reader that it was overtaken', async () => {
    const journal = await (await open({ maxBytes })).node();
    const writer = await begun(journal, 10);
    const reader = journal.read('oldest', never)[Symbol.asyncIterator]();
    expect((await reader.next()).value?.record.revision).toBe(10);
    for (let revision = 11; revision <= 400; revision++) await writer.append(batch(revision, revision, 4096));
    // What is on the way already still counts; after it there is a hole, or the end when all of it was on the way.
    let due = 11;
    const rest = async () => {
      while (due <= 400) expect((await reader.next()).value?.record.revision).toBe(due++);
    };
    await rest().catch((error: unknown) => expect(error).toBeInstanceOf(JournalPositionLostError));
    await reader.return?.();
  });
}
