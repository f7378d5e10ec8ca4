import type { Anchor, JournalRecord, SnapshotRef } from '@tidemark/core';
import { describe, expect, it } from 'vitest';
import {
  bytesFromJson,
  bytesToJson,
  formatJsonBytes,
  OPERATIONS,
  parseOutput,
  parseRecordLine,
  problemSchema,
  recordToJson,
} from '../src/index.js';

const TIME = Date.UTC(2026, 1, 28, 10);
const NO_UTF8 = Buffer.from([0x2f, 0xff, 0x00]);
const position = { generation: 2, revision: 7 };
const anchor: Anchor = { clusterId: 'c0ffee', raftTerm: 3, revision: 7, digest: null };
const snapshot: SnapshotRef = { id: 's1', position, keys: 3, bytes: 99, createdAt: TIME, rewind: null };
const rewound: SnapshotRef = { ...snapshot, rewind: { generation: 2, reason: 'rewound', evidence: 'seen' } };
const chain = { generation: 2, term: 5, previous: 6, revision: 7, time: TIME, anchor };
const put = { kind: 'put', createRevision: 7, version: 1, lease: 0n } as const;

const RECORDS: readonly JournalRecord[] = [
  {
    ...chain,
    kind: 'batch',
    notBefore: null,
    entries: [
      {
        revision: 7,
        changes: [
          { ...put, key: Buffer.from('/conf/ä'), value: NO_UTF8 },
          { ...put, key: NO_UTF8, value: Buffer.from('v'), lease: 2n ** 62n + 1n },
          { kind: 'delete', key: Buffer.from('/other') },
        ],
      },
    ],
  },
  { ...chain, kind: 'reset', reason: 'rewound', evidence: 'seen', snapshot: rewound },
  { ...chain, kind: 'snapshot', snapshot },
  { ...chain, kind: 'term', node: 'conf1' },
  { ...chain, kind: 'progress' },
];

describe('bytes', () => {
  it.each([Buffer.from('/conf/ä'), Buffer.alloc(0), NO_UTF8, Buffer.from('\ufffd')])('%o come back', (bytes) => {
    expect(bytesFromJson(bytesToJson(bytes))).toEqual(bytes);
  });

  it('are text only where they are UTF-8', () => {
    expect(bytesToJson(Buffer.from('/conf/ä'))).toBe('/conf/ä');
    expect(bytesToJson(NO_UTF8)).toEqual({ base64: 'L/8A' });
    expect(formatJsonBytes({ base64: 'L/8A' })).toBe('base64:L/8A');
  });
});

describe('a record', () => {
  it.each(RECORDS)('of the kind $kind comes back from its line, each name in its place', (record) => {
    const line = JSON.stringify(recordToJson(record, Buffer.alloc(0)));
    expect(JSON.stringify(parseRecordLine(line))).toBe(line);
    expect(JSON.parse(line)).toMatchObject({ kind: record.kind, time: '2026-02-28T10:00:00.000Z' });
  });

  it('has only the changes below the prefix', () => {
    const [batch] = RECORDS;
    if (batch === undefined) throw new Error('no record');
    expect(recordToJson(batch, Buffer.from('/conf/'))).toMatchObject({
      entries: [{ revision: 7, changes: [{ kind: 'put', key: '/conf/ä', value: { base64: 'L/8A' }, lease: '0' }] }],
    });
  });

  it.each([
    ['of another kind', { kind: 'other' }],
    ['without its chain', { kind: 'progress', generation: 1 }],
    ['with a revision that is text', { ...recordToJson({ ...chain, kind: 'progress' }, NO_UTF8), revision: '7' }],
  ])('%s is none', (_, value) => {
    expect(() => parseRecordLine(JSON.stringify(value))).toThrow();
  });
});

describe('the output of a command', () => {
  it('is read, and what is added to it later is no mistake', () => {
    const printed = { ...snapshot, createdAt: '2026-02-28T10:00:00.000Z', added: 1 };
    expect(parseOutput('snapshot list', JSON.stringify([printed]))).toEqual([
      { ...snapshot, createdAt: '2026-02-28T10:00:00.000Z' },
    ]);
  });

  it('is refused with a time that is a number', () => {
    expect(() => parseOutput('snapshot list', JSON.stringify([snapshot]))).toThrow();
    expect(OPERATIONS.snapshots.answer.parse([snapshot])).toEqual([snapshot]);
  });

  it('is that of one destination, or a list', () => {
    const one = {
      ...{ destination: 'codfw', state: 'held', since: '2026-02-28T10:00:00.000Z' },
      ...{ why: null, what: 'w', safe: 's', next: null },
    };
    expect(parseOutput('explain', JSON.stringify(one))).toEqual(one);
    expect(parseOutput('explain', JSON.stringify([one]))).toEqual([one]);
    expect(() => parseOutput('explain', JSON.stringify({ ...one, state: 'unheard of' }))).toThrow();
  });
});

it('a problem has code, message and remedy', () => {
  const problem = { code: 'BAD_REQUEST', message: 'what', remedy: 'next' };
  expect(problemSchema.parse({ ...problem, type: 'about:blank' })).toEqual(problem);
  for (const name of Object.keys(problem)) expect(() => problemSchema.parse({ ...problem, [name]: 1 })).toThrow();
});

it('routes of a plan are read as those of the configuration', () => {
  const { body } = OPERATIONS.plan;
  expect(body.parse({ routes: [{ prefix: '/a/' }] })).toEqual({
    routes: [{ prefix: '/a/', exclude: [], leased: 'keep' }],
  });
  expect(body.parse({})).toEqual({});
  for (const routes of [[], [{}], [{ prefix: '/a/', exclude: ['/b/'] }], [{ prefix: '/a/', other: 1 }], 'all'])
    expect(() => body.parse({ routes })).toThrow();
});
