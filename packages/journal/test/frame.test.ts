import { JournalChainBrokenError, JournalCorruptError, type JournalRecord, type StoredRecord } from '@tidemark/core';
import { someAnchor } from '@tidemark/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type JournalMessage, RecordAssembler } from '../src/format/assembler.js';
import { frameRecord, headerLines, parseHeaders } from '../src/format/frame.js';
import { anyRecord } from './arbitraries.js';

const base = { generation: 1, term: 3, previous: 9, revision: 9, time: 5, anchor: someAnchor } as const;
const term: JournalRecord = { ...base, kind: 'term', node: 'a' };
const long: JournalRecord = { ...base, kind: 'term', node: 'n'.repeat(100) };

/** Messages as a reader would meet them: headers through their text form. */
function messages(records: readonly JournalRecord[], size: number): JournalMessage[] {
  const frames = records.flatMap((record) => frameRecord(record, size));
  return frames.map((frame, index) => {
    const lines = new Map(headerLines(frame.headers));
    const headers = parseHeaders((name) => lines.get(name) ?? '');
    return { sequence: index + 1, headers, payload: frame.payload, bytes: frame.payload.length };
  });
}

function assemble(all: readonly JournalMessage[]): StoredRecord[] {
  const assembler = new RecordAssembler();
  return all.flatMap((message) => assembler.push(message) ?? []);
}

describe('frames', () => {
  it('come together again, whatever the size of a message', () => {
    fc.assert(
      fc.property(
        fc.array(anyRecord, { minLength: 1, maxLength: 4 }),
        fc.integer({ min: 1, max: 64 }),
        (records, size) => {
          expect(assemble(messages(records, size)).map((stored) => stored.record)).toEqual(records);
        },
      ),
    );
  });

  it('carry headers that a person can read', () => {
    const [frame] = frameRecord(long, 50);
    expect(frame && headerLines(frame.headers)).toEqual([
      ['Tidemark-Kind', 'term'],
      ['Tidemark-Generation', '1'],
      ['Tidemark-First', '9'],
      ['Tidemark-Last', '9'],
      ['Tidemark-Term', '3'],
      ['Tidemark-Crc32', expect.stringMatching(/^[0-9a-f]{8}$/)],
      ['Tidemark-Part', '0/3'],
    ]);
  });

  it('of an unfinished record are dropped when a new leader takes over', () => {
    const all = [...messages([long], 50).slice(0, 2), ...messages([term], 50)];
    expect(assemble(all).map((stored) => stored.record)).toEqual([term]);
  });

  it('of an unfinished record are dropped when a journal without a whole one begins', () => {
    const snapshot = { id: 's', position: base, keys: 0, bytes: 0, createdAt: 0, rewind: null };
    const reset: JournalRecord = { ...base, kind: 'reset', reason: 'first_start', evidence: '', snapshot };
    expect(assemble([...messages([long], 50).slice(0, 2), ...messages([reset], 1000)])).toHaveLength(1);
  });

  it.each<JournalRecord>([
    { ...base, kind: 'progress' },
    { ...base, kind: 'batch', notBefore: null, revision: 10, entries: [{ revision: 10, changes: [] }] },
  ])('of an unfinished record are a broken chain when anything else follows: $kind', (record) => {
    expect(() => assemble([...messages([long], 50).slice(0, 2), ...messages([record], 1000)])).toThrow(
      JournalChainBrokenError,
    );
  });

  it('of which one is missing in the middle, or is of another record, are a broken chain', () => {
    const parts = messages([long], 50);
    const others = messages([{ ...long, time: 6 }], 50);
    expect(() => assemble([...parts.slice(0, 1), ...parts.slice(2)])).toThrow(JournalChainBrokenError);
    expect(() => assemble([...parts.slice(0, 1), ...others.slice(1)])).toThrow(JournalChainBrokenError);
  });

  it('without their beginning are passed over only where reading begins', () => {
    const parts = messages([long], 50);
    expect(assemble([...parts.slice(1), ...messages([term], 50)])).toHaveLength(1);
    expect(() => assemble([...messages([term], 50), ...parts.slice(1)])).toThrow(JournalChainBrokenError);
  });

  it('with a flipped bit fail their checksum', () => {
    const [message] = messages([term], 50);
    if (message === undefined) throw new Error('no message');
    message.payload[3] = (message.payload[3] ?? 0) ^ 1;
    expect(() => assemble([message])).toThrow(JournalCorruptError);
  });

  it('refuse messages that are not ours', () => {
    expect(() => parseHeaders(() => '')).toThrow(JournalCorruptError);
  });
});
