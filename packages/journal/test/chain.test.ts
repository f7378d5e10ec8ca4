import {
  InvariantError,
  JournalChainBrokenError,
  JournalPositionLostError,
  type JournalRecord,
  type Position,
  type SnapshotRef,
} from '@tidemark/core';
import { someAnchor } from '@tidemark/testing';
import { describe, expect, it } from 'vitest';
import { chainFault, completeDraft, pointAfter } from '../src/chain/chain.js';
import { Cursor, type CursorStart } from '../src/chain/cursor.js';
import { locate } from '../src/chain/locate.js';
import { frameRecord } from '../src/format/frame.js';
import { MemoryStream } from '../src/index.js';
import { abandonedFrame } from './abandoned.js';

const by = { term: 3, time: 5, anchor: someAnchor } as const;

function snapshotAt(generation: number, revision: number): SnapshotRef {
  return { id: 's', position: { generation, revision }, keys: 0, bytes: 0, createdAt: 0, rewind: null };
}

/** A batch of the revisions after `previous`; `holding` are those that are really in it. */
function batch(
  previous: number,
  revision: number,
  more: { generation?: number; term?: number; holding?: number[] } = {},
): JournalRecord {
  const { generation = 2, term = 3 } = more;
  const due = Array.from({ length: revision - previous }, (_, index) => previous + 1 + index);
  const entries = (more.holding ?? due).map((each) => ({ revision: each, changes: [] }));
  return { ...by, kind: 'batch', notBefore: null, generation, term, previous, revision, entries };
}

function reset(generation: number, revision: number, snapshot = snapshotAt(generation, revision)): JournalRecord {
  const why = { reason: 'gap', evidence: '' } as const;
  return { ...by, kind: 'reset', generation, previous: revision, revision, ...why, snapshot };
}

const progress = (previous: number, revision: number): JournalRecord => ({
  ...by,
  ...{ kind: 'progress', generation: 2, previous, revision },
});

const announced = (snapshot: SnapshotRef): JournalRecord => ({
  ...by,
  ...{ kind: 'snapshot', generation: 2, previous: 9, revision: 9, snapshot },
});

/** What the next record has to follow: it ends at 2/9, under term 3. */
const before = pointAfter(batch(8, 9));

describe('what follows a record', () => {
  it.each([
    ['the next revisions', batch(9, 12)],
    ['the next revisions under a later term', batch(9, 12, { term: 4 })],
    ['progress that moves nothing', progress(9, 9)],
    ['a snapshot of an earlier revision', announced(snapshotAt(2, 5))],
    ['a reset to a later generation, at whatever revision', reset(3, 1)],
  ])('may be %s', (_, record) => {
    expect(chainFault(before, record)).toBeNull();
  });

  it.each([
    ['an older term', batch(9, 10, { term: 2 })],
    ['a revision that is not the next', batch(10, 11)],
    ['a revision that was there already', batch(8, 9)],
    ['the next revision of another generation', batch(9, 10, { generation: 1 })],
    ['a batch without entries', batch(9, 9)],
    ['a batch with fewer entries than revisions', batch(9, 12, { holding: [10, 12] })],
    ['a batch that names a revision twice', batch(9, 12, { holding: [10, 10, 12] })],
    ['progress that moves the revision', progress(9, 10)],
    ['a reset to the same generation', reset(2, 9)],
    ['a reset whose snapshot is elsewhere', reset(3, 9, snapshotAt(3, 8))],
    ['a reset whose snapshot is of the generation before', reset(3, 9, snapshotAt(2, 9))],
    ['a snapshot that is ahead', announced(snapshotAt(2, 10))],
    ['a snapshot of another generation', announced(snapshotAt(1, 9))],
  ])('may not be %s: readers refuse it', (_, record) => {
    expect(chainFault(before, record)).not.toBeNull();
    const start = { next: 5, before, after: null, reachesBack: true };
    expect(() => read(start, [record])).toThrow(JournalChainBrokenError);
  });

  it('is refused by the writer too, before it is stored', () => {
    expect(() => completeDraft(batch(9, 12, { holding: [10, 12, 11] }), before, by)).toThrow(InvariantError);
    expect(() => completeDraft(batch(9, 10), before, { ...by, term: 2 })).toThrow(InvariantError);
    expect(() => completeDraft(batch(9, 10), null, by)).toThrow(InvariantError);
  });
});

/** The records that a reader hands out who begins like this. */
function read(start: CursorStart, records: readonly JournalRecord[]): JournalRecord[] {
  const cursor = new Cursor(start);
  return records.flatMap((record) =>
    frameRecord(record, 1_000_000).flatMap(({ headers, payload }) => {
      const message = { sequence: cursor.next, headers, payload, bytes: payload.length };
      return cursor.take(message)?.record ?? [];
    }),
  );
}

describe('a reader that begins after a position', () => {
  const after: Position = { generation: 2, revision: 9 };
  const start = { next: 5, before: null, after } as const;

  it('is handed the record that contains the next revision, whatever was passed over before', () => {
    const records = [batch(6, 8), batch(8, 11), batch(11, 12)];
    expect(read({ ...start, reachesBack: false }, records)).toEqual(records.slice(1));
  });

  it('has lost its place where the journal begins after it, by a revision or by a reset', () => {
    const starting = { ...start, reachesBack: false };
    expect(() => read(starting, [batch(10, 11)])).toThrow(JournalPositionLostError);
    expect(() => read(starting, [reset(3, 20)])).toThrow(JournalPositionLostError);
    expect(read(starting, [batch(9, 10)])).toHaveLength(1);
  });

  it('is handed a reset of the journal that had its place, and nothing else that does not lead on from it', () => {
    const reaching = { ...start, reachesBack: true };
    expect(read(reaching, [reset(3, 20)])).toHaveLength(1);
    expect(() => read(reaching, [batch(10, 11)])).toThrow(JournalChainBrokenError);
    expect(() => read(reaching, [batch(0, 1, { generation: 3 })])).toThrow(JournalChainBrokenError);
    // What was passed over is the proof that the journal had the place.
    expect(read({ ...start, reachesBack: false }, [batch(7, 8), reset(3, 20)])).toHaveLength(1);
  });
});

describe('a reader that begins at the end of the journal', () => {
  it.each([9, 20])('is chained to the last record, its position %i being there or after it', async (revision) => {
    const stream = new MemoryStream();
    for (const frame of frameRecord(batch(8, 9), 1_000_000)) stream.append(0, frame);
    const start = await locate(stream, stream.bounds(), { after: { generation: 2, revision } });
    expect(start).toEqual({ next: 2, before, after: null, reachesBack: true });
  });

  it('takes the parts of a record along that is still being written, when there is no whole one', async () => {
    const stream = new MemoryStream();
    stream.append(0, abandonedFrame());
    const start = await locate(stream, stream.bounds(), { after: { generation: 1, revision: 12 } });
    expect(start).toMatchObject({ next: 1, before: null });
  });
});
