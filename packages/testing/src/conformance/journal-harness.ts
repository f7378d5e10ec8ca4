import { randomBytes } from 'node:crypto';
import type { Entry, Journal, KeyValue, Position, ReadFrom, RecordDraft, StoredRecord } from '@tidemark/core';
import { someAnchor } from '../fakes/some-anchor.js';
import { never } from '../waiting/never.js';

/** The storage of one journal, as several nodes see it. */
export interface JournalUnderTest {
  /** Another node: a journal, open, over the same storage. */
  node(): Promise<Journal>;
  /** Leaves the first of three parts of a record at the end, as a leader does that dies between two parts. */
  abandonPart(): Promise<void>;
}

export interface JournalTestOptions {
  /** The oldest records are removed beyond this size. */
  readonly maxBytes?: number;
}

/** Makes an empty journal; the provider removes it when its tests are over. */
export type OpenJournal = (options?: JournalTestOptions) => Promise<JournalUnderTest>;

const GENERATION = 1;

function entry(revision: number, valueBytes = 8): Entry {
  const key = Buffer.from(`/conftool/${revision}`);
  const value = randomBytes(valueBytes);
  const put = { kind: 'put', key, value, createRevision: revision, version: 1, lease: 0n } as const;
  return { revision, changes: [put, { kind: 'delete', key: Buffer.from([0, 255, revision & 255]) }] };
}

/** The entries `from` to `to`. */
export function batch(from: number, to = from, valueBytes = 8): RecordDraft {
  const entries = Array.from({ length: to - from + 1 }, (_, index) => entry(from + index, valueBytes));
  return { kind: 'batch', generation: GENERATION, revision: to, anchor: someAnchor, entries };
}

export function reset(revision: number, generation = GENERATION): RecordDraft {
  const snapshot = {
    id: `s${revision}`,
    position: { generation, revision },
    keys: 1,
    bytes: 2,
    createdAt: 3,
    rewind: null,
  };
  const why = { reason: 'first_start', evidence: 'a test', anchor: someAnchor } as const;
  return { kind: 'reset', generation, revision, ...why, snapshot };
}

export function at(revision: number, generation = GENERATION): Position {
  return { generation, revision };
}

export async function takeOver(journal: Journal, term: number) {
  return journal.takeOver(await journal.head(never), term, `node-${term}`, never);
}

/** A journal that begins with a reset at `revision`, and its writer (term 1). */
export async function begun(journal: Journal, revision: number) {
  const writer = await takeOver(journal, 1);
  await writer.append(reset(revision));
  return writer;
}

/** Reads until `last` says so. */
export async function readUntil(
  journal: Journal,
  from: ReadFrom,
  last: (stored: StoredRecord) => boolean,
): Promise<StoredRecord[]> {
  const records: StoredRecord[] = [];
  for await (const stored of journal.read(from, never)) {
    records.push(stored);
    if (last(stored)) break;
  }
  return records;
}

/** Reads to the record that ends at `revision`. */
export function readTo(journal: Journal, from: ReadFrom, revision: number): Promise<StoredRecord[]> {
  return readUntil(journal, from, ({ record }) => record.revision === revision && record.kind === 'batch');
}

/** `kind previous-revision` of each record: short enough to compare by eye. */
export function outline(records: readonly StoredRecord[]): string[] {
  return records.map(({ record }) => `${record.kind} ${record.previous}-${record.revision}`);
}

export function keyValues(count: number, valueBytes: number): KeyValue[] {
  return Array.from({ length: count }, (_, index) => ({
    key: Buffer.from(`/k/${String(index).padStart(8, '0')}`),
    value: randomBytes(valueBytes),
    createRevision: 3,
    modRevision: 5,
    version: 2,
    lease: index % 3 === 0 ? 7_587_862_094_991_212_000n : 0n,
  }));
}
