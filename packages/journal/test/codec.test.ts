import { readFile } from 'node:fs/promises';
import { JournalCorruptError, type JournalRecord } from '@tidemark/core';
import { someAnchor } from '@tidemark/testing';
import fc from 'fast-check';
import protobuf from 'protobufjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { encodeRecord } from '../src/format/encode.js';
import { decodeRecord } from '../src/format/record.js';
import { anyRecord, recordOfSafeNumbers } from './arbitraries.js';

/** What a stranger has: the published .proto and a protobuf library. */
let published: protobuf.Type;

beforeAll(async () => {
  const path = new URL('../proto/tidemark/journal/v1/journal.proto', import.meta.url);
  const parsed = protobuf.parse(await readFile(path, 'utf8'), { keepCase: false });
  published = parsed.root.lookupType('tidemark.journal.v1.Record');
});

describe('record codec', () => {
  it('gives back what was encoded', () => {
    fc.assert(
      fc.property(anyRecord, (record) => {
        expect(decodeRecord(encodeRecord(record))).toEqual(record);
      }),
    );
  });

  it('writes what a reader with the published .proto understands', () => {
    fc.assert(
      fc.property(recordOfSafeNumbers, (record) => {
        const message = published.decode(encodeRecord(record));
        const seen = published.toObject(message, { longs: String, enums: String, bytes: Buffer, arrays: true });
        expect(seen).toMatchObject(asPublished(record));
      }),
    );
  });

  it('reads what a writer with the published .proto wrote', () => {
    fc.assert(
      fc.property(recordOfSafeNumbers, (record) => {
        const message = published.fromObject(asPublished(record));
        expect(decodeRecord(Buffer.from(published.encode(message).finish()))).toEqual(record);
      }),
    );
  });

  it('answers damage with an error of its own, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (noise) => {
        try {
          decodeRecord(Buffer.from(noise));
        } catch (error) {
          expect(error).toBeInstanceOf(JournalCorruptError);
        }
      }),
    );
  });

  it('skips fields of a later version, and stops at a kind it does not know', () => {
    const progress = decodeRecord(Buffer.concat([Buffer.from('080318073a007a03616263', 'hex')]));
    expect(progress).toMatchObject({ kind: 'progress', term: 7 });
    expect(() => decodeRecord(Buffer.from('0809', 'hex'))).toThrow(JournalCorruptError);
  });

  it('hands out keys and values as views of the payload', () => {
    const change = {
      kind: 'put',
      key: Buffer.from('k'),
      value: Buffer.from('v'),
      createRevision: 1,
      version: 1,
    } as const;
    const payload = encodeRecord({
      ...{
        kind: 'batch',
        notBefore: null,
        generation: 1,
        term: 1,
        previous: 4,
        revision: 5,
        time: 1,
        anchor: someAnchor,
      },
      entries: [{ revision: 5, changes: [{ ...change, lease: 0n }] }],
    });
    const record = decodeRecord(payload);
    const key = record.kind === 'batch' ? record.entries[0]?.changes[0]?.key : undefined;
    expect(key?.buffer).toBe(payload.buffer);
  });
});

/** The record as a generic protobuf library shows it: 64-bit integers as decimal strings, the enum by name. */
function asPublished(record: JournalRecord): Record<string, unknown> {
  const { generation, term, previous, revision, time, anchor } = record;
  return {
    kind: `KIND_${record.kind.toUpperCase()}`,
    ...decimal({ generation, term, previous, revision, timeUnixMs: time }),
    anchor: {
      ...decimal({ revision: anchor.revision, raftTerm: anchor.raftTerm }),
      ...filled({ digest: anchor.digest ?? Buffer.alloc(0), clusterId: anchor.clusterId }),
    },
    ...(record.kind === 'term' && filled({ node: record.node })),
    ...(record.kind === 'batch' && {
      entries: record.entries.map(entryAsPublished),
      ...decimal({ notBeforeUnixMs: record.notBefore ?? 0 }),
    }),
    ...(record.kind === 'reset' && {
      reset: filled({ reason: record.reason, evidence: record.evidence }),
    }),
    ...('snapshot' in record && { snapshot: snapshotAsPublished(record.snapshot) }),
  };
}

type Batch = Extract<JournalRecord, { kind: 'batch' }>;
type Snapshot = Extract<JournalRecord, { kind: 'snapshot' }>['snapshot'];

function entryAsPublished(entry: Batch['entries'][number]): Record<string, unknown> {
  const changes = entry.changes.map((change) => {
    if (change.kind === 'delete') return { ...filled({ key: change.key }), delete: true };
    const { key, value, createRevision, version, lease } = change;
    return { ...filled({ key, value }), ...decimal({ createRevision, version, lease }) };
  });
  return { ...decimal({ revision: entry.revision }), changes };
}

function snapshotAsPublished(snapshot: Snapshot): Record<string, unknown> {
  const { id, position, keys, bytes, createdAt, rewind } = snapshot;
  const common = { ...filled({ id }), ...decimal({ ...position, keys, bytes, createdUnixMs: createdAt }) };
  if (rewind === null) return common;
  const { generation, reason, evidence } = rewind;
  return { ...common, rewind: { ...decimal({ generation }), ...filled({ reason, evidence }) } };
}

/** proto3 leaves defaults out of the wire, and a generic reader leaves them out of the object. */
function decimal(numbers: Record<string, number | bigint>): Record<string, string> {
  const set = Object.entries(numbers).filter(([, value]) => BigInt(value) !== 0n);
  return Object.fromEntries(set.map(([name, value]) => [name, String(value)]));
}

function filled<T extends string | Buffer>(fields: Record<string, T>): Record<string, T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value.length > 0));
}
