import {
  type Change,
  type Entry,
  type JournalRecord,
  type KeyValue,
  RESET_REASONS,
  type SnapshotRef,
} from '@tidemark/core';
import fc from 'fast-check';

const bytes = (max: number) => fc.uint8Array({ maxLength: max }).map((array) => Buffer.from(array));
const digest = fc.uint8Array({ minLength: 16, maxLength: 16 }).map((array) => Buffer.from(array));
const revision = fc.oneof(fc.integer({ min: 0, max: 2 ** 31 }), fc.maxSafeNat());
const anyLease = fc.oneof(fc.constant(0n), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }));
const text = fc.string({ unit: 'binary', maxLength: 40 });

const remove: fc.Arbitrary<Change> = fc.record({ kind: fc.constant('delete'), key: bytes(60) });

function entries(lease: fc.Arbitrary<bigint>): fc.Arbitrary<Entry[]> {
  const put: fc.Arbitrary<Change> = fc.record({
    kind: fc.constant('put'),
    key: bytes(60),
    value: bytes(300),
    createRevision: revision,
    version: revision,
    lease,
  });
  return fc.array(fc.record({ revision, changes: fc.array(fc.oneof(put, remove), { maxLength: 5 }) }), {
    maxLength: 8,
  });
}

const snapshotRef: fc.Arbitrary<SnapshotRef> = fc.record({
  id: text,
  position: fc.record({ generation: revision, revision }),
  keys: revision,
  bytes: revision,
  rewind: fc.option(
    fc.record({
      generation: revision,
      reason: fc.constantFrom('rewound' as const, 'foreign_source' as const),
      evidence: text,
    }),
  ),
  createdAt: revision,
});

const base = {
  generation: revision,
  term: revision,
  // What follows it has a number too.
  previous: fc.oneof(
    fc.integer({ min: 0, max: 2 ** 31 }),
    fc.maxSafeNat().map((number) => Math.max(0, number - 1)),
  ),
  revision,
  time: revision,
  anchor: fc.record({ revision, digest: fc.option(digest), clusterId: text, raftTerm: revision }),
};
const reason = fc.constantFrom(...RESET_REASONS);

function records(lease: fc.Arbitrary<bigint>): fc.Arbitrary<JournalRecord> {
  return fc.oneof(
    fc.record({ kind: fc.constant('term' as const), ...base, node: text }),
    fc.record({
      kind: fc.constant('batch' as const),
      ...base,
      entries: entries(lease),
      notBefore: fc.option(fc.integer({ min: 1, max: 2 ** 45 })),
    }),
    fc.record({ kind: fc.constant('progress' as const), ...base }),
    fc.record({
      kind: fc.constant('reset' as const),
      ...base,
      reason,
      evidence: text,
      snapshot: snapshotRef,
    }),
    fc.record({ kind: fc.constant('snapshot' as const), ...base, snapshot: snapshotRef }),
  );
}

/** Any record the format can express, chained or not. */
export const anyRecord = records(anyLease);

/** The same without the integers that protobufjs's reflection rounds: it reads int64 as a double. */
export const recordOfSafeNumbers = records(fc.maxSafeNat().map(BigInt));

export const anyKeyValue: fc.Arbitrary<KeyValue> = fc.record({
  key: bytes(200),
  value: bytes(300),
  createRevision: revision,
  modRevision: revision,
  version: revision,
  lease: anyLease,
});
