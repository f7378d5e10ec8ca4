import type { MethodDefinition } from '@grpc/grpc-js';
import { InvariantError, NO_LEASE, type Write } from '@tidemark/core';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { decodeRangePage } from '../src/wire/range-page.js';
import {
  decodeRangeResponse,
  decodeTxnOutcome,
  decodeWatchedKeys,
  decodeWatchResponse,
} from '../src/wire/responses.js';
import { encodeCheckpointedTxn } from '../src/wire/transaction.js';
import { etcd3Codec } from './etcd3-codec.js';

const bytes = (constraints: fc.IntArrayConstraints) => fc.uint8Array(constraints).map((array) => Buffer.from(array));
const revision = fc.nat({ max: Number.MAX_SAFE_INTEGER });
const keyValue = fc.record({
  key: bytes({ minLength: 1, maxLength: 300 }),
  value: bytes({ maxLength: 300 }),
  createRevision: revision,
  modRevision: revision,
  version: revision,
  lease: fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }),
});

type Kv = { key: Buffer; value: Buffer; createRevision: number; modRevision: number; version: number; lease: bigint };

function etcd3Kv(kv: Kv) {
  const { key, value, version, createRevision, modRevision, lease } = kv;
  return { key, value, version, create_revision: createRevision, mod_revision: modRevision, lease: String(lease) };
}

let watch: MethodDefinition<object, object>;
let range: MethodDefinition<object, object>;
let txn: MethodDefinition<object, object>;

beforeAll(async () => {
  watch = await etcd3Codec('Watch', 'Watch');
  range = await etcd3Codec('KV', 'Range');
  txn = await etcd3Codec('KV', 'Txn');
});

describe('our decoders read what etcd3 encodes', () => {
  it('range responses', () => {
    const header = fc.record({ clusterId: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), revision, raftTerm: revision });
    fc.assert(
      fc.property(header, fc.array(keyValue), fc.boolean(), revision, (head, kvs, more, count) => {
        const { clusterId, raftTerm } = head;
        const message = {
          header: {
            cluster_id: String(clusterId),
            member_id: '18446744073709551615',
            revision: head.revision,
            raft_term: raftTerm,
          },
          kvs: kvs.map(etcd3Kv),
          more,
          count,
        };
        const answer = range.responseSerialize(message);
        const decodedHeader = { clusterId: String(clusterId), revision: head.revision, raftTerm };
        expect(decodeRangeResponse(answer)).toEqual({ header: decodedHeader, kvs, more, count });
        const page = decodeRangePage(answer);
        const lastKey = kvs.at(-1)?.key ?? null;
        expect(page).toMatchObject({ header: decodedHeader, more, keys: kvs.length, lastKey, bytes: answer.length });
        expect([...page.slices()].flat()).toEqual(kvs);
      }),
    );
  });

  it('watch responses, events of one revision together', () => {
    const event = fc.record({ kv: keyValue, type: fc.constantFrom(0, 1), revision: fc.integer({ min: 5, max: 8 }) });
    fc.assert(
      fc.property(fc.array(event), fc.boolean(), (events, fragment) => {
        const sent = events.map(({ kv, type, revision: mod }) => ({ type, kv: etcd3Kv({ ...kv, modRevision: mod }) }));
        const buffer = watch.responseSerialize({ header: { revision: 77 }, watch_id: -1, fragment, events: sent });
        const decoded = decodeWatchResponse(buffer);
        expect(decoded).toMatchObject({ headerRevision: 77, fragment, created: false, canceled: false });
        expect(
          decoded.runs.flatMap((run) => run.changes.map((change) => [run.revision, change.kind, change.key])),
        ).toEqual(events.map(({ kv, type, revision: mod }) => [mod, type === 1 ? 'delete' : 'put', kv.key]));
        for (const [index, run] of decoded.runs.entries()) {
          expect(run.revision).not.toBe(decoded.runs[index + 1]?.revision);
        }
      }),
    );
  });

  it('watch responses without their values, and nothing of the message is kept', () => {
    const kv = { key: Buffer.from('k'), value: Buffer.alloc(100_000), create_revision: 3, mod_revision: 4, version: 2 };
    const events = [
      { type: 0, kv },
      { type: 1, kv },
    ];
    const buffer = watch.responseSerialize({ header: { revision: 77 }, watch_id: -1, events });
    const { runs, ...rest } = decodeWatchedKeys(buffer);
    const { runs: whole, ...same } = decodeWatchResponse(buffer);
    expect(rest).toEqual(same);
    const bare = whole.flatMap(({ changes }) => changes).map((change) => ({ ...change, value: Buffer.alloc(0) }));
    expect(runs).toEqual([{ revision: 4, changes: [bare[0], { kind: 'delete', key: kv.key }] }]);
    for (const { key } of runs.flatMap(({ changes }) => changes)) expect(key.buffer).not.toBe(buffer.buffer);
  });

  it('cancelled watches', () => {
    const message = { created: true, canceled: true, compact_revision: 9, cancel_reason: 'why', watch_id: -1 };
    expect(decodeWatchResponse(watch.responseSerialize(message))).toMatchObject({
      created: true,
      canceled: true,
      compactRevision: 9,
      cancelReason: 'why',
      runs: [],
    });
  });

  it('transaction responses: the ranges, whatever stands around them', () => {
    const kv = { key: Buffer.from('k'), value: Buffer.from('v'), create_revision: 3, mod_revision: 4, version: 2 };
    const message = {
      header: { revision: 9 },
      succeeded: true,
      responses: [
        { response_put: { header: { revision: 9 } } },
        { response_range: { header: { revision: 9 }, kvs: [kv], count: 1 } },
        { response_txn: { succeeded: true, responses: [{ response_put: {} }] } },
      ],
    };
    const outcome = decodeTxnOutcome(txn.responseSerialize(message));
    expect(outcome).toMatchObject({ succeeded: true, header: { revision: 9 } });
    expect(outcome.ranges[0]?.kvs).toEqual([
      {
        key: Buffer.from('k'),
        value: Buffer.from('v'),
        createRevision: 3,
        modRevision: 4,
        version: 2,
        lease: NO_LEASE,
      },
    ]);
  });

  it('refuses a revision that is not a safe integer, and a message that is cut short', () => {
    const message = { kvs: [{ key: Buffer.from('k'), mod_revision: '9007199254740993' }] };
    expect(() => decodeRangeResponse(range.responseSerialize(message))).toThrow(InvariantError);
    const whole = range.responseSerialize({ kvs: [{ key: Buffer.from('key'), value: Buffer.from('value') }] });
    for (let length = 1; length < whole.length; length++) {
      expect(() => decodeRangeResponse(whole.subarray(0, length))).toThrow(InvariantError);
      expect(() => decodeRangePage(whole.subarray(0, length))).toThrow(InvariantError);
    }
  });
});

interface DecodedTxn {
  compare: { target: string; key: Buffer; value?: Buffer; create_revision?: string }[];
  success: DecodedOp[];
  failure: DecodedOp[];
}

interface DecodedOp {
  request: string;
  request_put?: { key: Buffer; value: Buffer };
  request_delete_range?: { key: Buffer; range_end: Buffer };
  request_range?: { key: Buffer };
  request_txn?: DecodedTxn;
}

function writesOf(ops: readonly DecodedOp[]): Write[] {
  return ops.flatMap((op): Write[] => {
    if (op.request_txn) return writesOf(op.request_txn.success);
    if (op.request_put) return [{ kind: 'put', key: op.request_put.key, value: op.request_put.value }];
    return [{ kind: 'delete', key: op.request_delete_range?.key ?? Buffer.alloc(0) }];
  });
}

/** etcd's rule (checkTxnRequest): a nested transaction may have as many operations as are left by those around it. */
function fits(request: DecodedTxn, limit: number): boolean {
  const length = Math.max(request.compare.length, request.success.length, request.failure.length);
  const nested = request.success.flatMap((op) => op.request_txn ?? []);
  return length <= limit && nested.every((inner) => fits(inner, limit - length));
}

describe('checkpointed transactions, as etcd3 decodes them', () => {
  const checkpointKey = Buffer.from('/__tidemark/checkpoint');
  const write: fc.Arbitrary<Write> = fc.oneof(
    fc.record({
      kind: fc.constant('put' as const),
      key: bytes({ minLength: 1, maxLength: 200 }),
      value: bytes({ maxLength: 200 }),
    }),
    fc.record({ kind: fc.constant('delete' as const), key: bytes({ minLength: 1 }) }),
  );

  it('hold every write in order, the compare, and a read of the checkpoint', () => {
    const expectedValue = fc.option(bytes({ maxLength: 50 }));
    fc.assert(
      fc.property(
        fc.array(write, { maxLength: 200 }),
        expectedValue,
        bytes({ minLength: 1 }),
        (writes, expected, next) => {
          const encoded = encodeCheckpointedTxn({ checkpointKey, expected, next, writes });
          const decoded = txn.requestDeserialize(encoded) as DecodedTxn;
          expect(writesOf(decoded.success)).toEqual([...writes, { kind: 'put', key: checkpointKey, value: next }]);
          expect(decoded.compare).toMatchObject([
            expected === null
              ? { target: 'Create', key: checkpointKey, create_revision: '0', result: 'Equal' }
              : { target: 'Value', key: checkpointKey, value: expected, result: 'Equal' },
          ]);
          expect(decoded.failure).toMatchObject([{ request_range: { key: checkpointKey } }]);
        },
      ),
    );
  });

  it.each([0, 1, 41, 42, 43, 127, 128, 1_764, 1_765, 4_096, 74_088])(
    'with %i writes stay below 128 operations',
    (count) => {
      const writes = Array.from(
        { length: count },
        (_, index): Write => ({ kind: 'delete', key: Buffer.from(`${index}`) }),
      );
      const encoded = encodeCheckpointedTxn({ checkpointKey, expected: null, next: Buffer.from('x'), writes });
      const decoded = txn.requestDeserialize(encoded) as DecodedTxn;
      expect(writesOf(decoded.success)).toHaveLength(count + 1);
      expect(fits(decoded, 128)).toBe(true);
    },
  );
});
