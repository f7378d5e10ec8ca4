import { type JournalInfo, type ReadFrom, readToEnd, UnavailableError } from '@tidemark/core';
import { someAnchor } from '@tidemark/testing';
import { beforeEach, expect, it } from 'vitest';
import { MemoryJournal, MemoryStream } from '../src/index.js';
import { abandonedFrame } from './abandoned.js';

const never = new AbortController().signal;
const idleMs = 20;

const batch = (revision: number) =>
  ({ kind: 'batch', generation: 1, revision, anchor: someAnchor, entries: [{ revision, changes: [] }] }) as const;

let stream: MemoryStream;
let journal: MemoryJournal;
let end: JournalInfo;

async function append(from: number, to: number): Promise<void> {
  const head = await journal.head(never);
  const writer = await journal.takeOver(head, (head.last?.term ?? 0) + 1, 'a', never);
  if (head.last === null) {
    const position = { generation: 1, revision: from - 1 };
    const snapshot = { id: 's', position, keys: 0, bytes: 0, createdAt: 0, rewind: null };
    await writer.append({
      kind: 'reset',
      ...position,
      reason: 'first_start',
      evidence: '',
      anchor: someAnchor,
      snapshot,
    });
  }
  for (let revision = from; revision <= to; revision++) await writer.append(batch(revision));
}

beforeEach(async () => {
  stream = new MemoryStream();
  journal = new MemoryJournal(stream);
  await append(2, 11);
  end = await journal.info(never);
});

/** Revisions of the batches up to the end that `end` shows; `onRecord` is called at each record. */
async function revisions(
  from: ReadFrom,
  { onRecord = () => undefined, signal = never }: { onRecord?: (revision: number) => void; signal?: AbortSignal } = {},
): Promise<number[]> {
  const seen: number[] = [];
  for await (const { record } of readToEnd(journal, { from, end, idleMs, patienceMs: 100 }, signal)) {
    if (record.kind === 'batch') seen.push(record.revision);
    onRecord(record.revision);
  }
  return seen;
}

const after = (revision: number) => ({ after: { generation: 1, revision } });

it('ends at the end that was shown, also when there is more by now', async () => {
  await append(12, 13);
  expect(await revisions(after(9))).toEqual([10, 11]);
});

it('ends where the journal lost its end before it was read', async () => {
  stream.loseLast(2);
  expect(await revisions('oldest')).toEqual([2, 3, 4, 5, 6, 7, 8, 9]);
});

it('ends where the journal lost what was read, and is not that long again', async () => {
  stream.loseLast(1);
  const seen = await revisions(after(7), { onRecord: (revision) => revision === 10 && stream.loseLast(3) });
  expect(seen).toEqual([8, 9, 10]);
});

it('ends where everything after the place was lost, and where everything was', async () => {
  stream.loseLast(4);
  expect(await revisions(after(9))).toEqual([]);
  stream.loseLast(100);
  expect(await revisions('oldest')).toEqual([]);
});

it('ends before parts that nobody finished', async () => {
  stream.append(stream.bounds().lastSequence, abandonedFrame());
  end = await journal.info(never);
  expect(await revisions(after(9))).toEqual([10, 11]);
});

it('ends where another journal is in its place', async () => {
  stream = new MemoryStream();
  journal = new MemoryJournal(stream);
  expect(await revisions(after(9))).toEqual([]);
});

it('goes on while the journal cannot be asked, and while it has more', async () => {
  stream.loseLast(2);
  const info = journal.info.bind(journal);
  let asked = 0;
  journal.info = async (signal) => {
    asked++;
    if (asked === 1) throw new UnavailableError({ message: 'away', remedy: 'none' });
    if (asked === 2) await append(10, 11);
    return await info(signal);
  };
  expect(await revisions(after(8))).toEqual([9, 10, 11]);
  expect(asked).toBeGreaterThanOrEqual(2);
});

it('fails when the journal shows more and hands out nothing', async () => {
  const shown = journal;
  const silent = new MemoryJournal(new MemoryStream());
  journal = Object.assign(silent, { info: (signal: AbortSignal) => MemoryJournal.prototype.info.call(shown, signal) });
  await expect(revisions(after(9))).rejects.toThrow(UnavailableError);
});

it('ends quietly when it is aborted', async () => {
  stream.loseLast(2);
  journal.info = async () => {
    stopping.abort();
    throw new UnavailableError({ message: 'aborted', remedy: 'none' });
  };
  const stopping = new AbortController();
  expect(await revisions(after(8), { signal: stopping.signal })).toEqual([9]);
});
