import { BackwardWriter, MAX_FIELD_HEADER_BYTES, type Write } from '@tidemark/core';

/** Tags of etcd's rpc.proto, `number << 3 | wire type`. */
const Txn = { compare: 10, success: 18, failure: 26 } as const;
const RequestOp = { range: 10, put: 18, deleteRange: 26, txn: 34 } as const;
const Compare = { target: 16, key: 26, createRevision: 40, value: 58 } as const;
const CompareTarget = { create: 1, value: 3 } as const;
const PutRequest = { key: 10, value: 18 } as const;
/** `key` of RangeRequest and DeleteRangeRequest. */
const KEY = 10;

/**
 * Operations on one level of a transaction. etcd allows a transaction `--max-txn-ops` (128 by default) operations and
 * a nested one that number minus the length of each list around it. Three levels of 42, and one more for the
 * checkpoint, stay below 128 together and hold 42 * 42 * 42 operations.
 */
const MAX_OPS_PER_LEVEL = 42;
/** What fits three levels. */
export const MAX_WRITES = MAX_OPS_PER_LEVEL ** 3;

/** RequestOp, the request in it, key and value: four headers around the content of one write. */
const MAX_WRITE_OVERHEAD_BYTES = 4 * MAX_FIELD_HEADER_BYTES;
/** Compare, checkpoint put and failure branch: ten headers and a few constants. */
const MAX_FRAME_OVERHEAD_BYTES = 16 * MAX_FIELD_HEADER_BYTES;

export interface CheckpointedTxn {
  readonly checkpointKey: Buffer;
  /** What the key must hold for anything to happen; null when it must be absent. */
  readonly expected: Buffer | null;
  readonly next: Buffer;
  /** Each key at most once. */
  readonly writes: readonly Write[];
}

/**
 * Encodes a TxnRequest: compare the checkpoint; then the writes and the new checkpoint, or, when the compare fails, a
 * read of the checkpoint. All writes land in one revision of the destination.
 */
export function encodeCheckpointedTxn(txn: CheckpointedTxn): Buffer {
  const writer = new BackwardWriter(maxBytes(txn));
  // Back to front: failure, success, compare.
  const failure = writer.mark();
  writer.bytes(KEY, txn.checkpointKey);
  closeOp(writer, RequestOp.range, { mark: failure, branch: Txn.failure });
  const success = writer.mark();
  writer.bytes(PutRequest.value, txn.next);
  writer.bytes(PutRequest.key, txn.checkpointKey);
  closeOp(writer, RequestOp.put, { mark: success, branch: Txn.success });
  writeLevel(writer, txn.writes, { from: 0, to: txn.writes.length });
  writeCompare(writer, txn);
  return writer.finish();
}

/** The writes of one level; where there are too many, each of its operations is a transaction of the level below. */
function writeLevel(writer: BackwardWriter, writes: readonly Write[], span: { from: number; to: number }): void {
  const size = writesPerOp(span.to - span.from);
  for (let to = span.to; to > span.from; to -= size) {
    const mark = writer.mark();
    if (size === 1) {
      writeWrite(writer, writes[to - 1], mark);
    } else {
      writeLevel(writer, writes, { from: Math.max(span.from, to - size), to });
      closeOp(writer, RequestOp.txn, { mark, branch: Txn.success });
    }
  }
}

/** Writes under one operation so that the level has at most MAX_OPS_PER_LEVEL: a power of it. */
function writesPerOp(count: number): number {
  let size = 1;
  while (size * MAX_OPS_PER_LEVEL < count) size *= MAX_OPS_PER_LEVEL;
  return size;
}

function writeWrite(writer: BackwardWriter, write: Write | undefined, mark: number): void {
  if (write === undefined) return;
  if (write.kind === 'put') {
    // An empty value is proto3's default and is left out like any other.
    if (write.value.length > 0) writer.bytes(PutRequest.value, write.value);
    writer.bytes(PutRequest.key, write.key);
    closeOp(writer, RequestOp.put, { mark, branch: Txn.success });
  } else {
    writer.bytes(KEY, write.key);
    closeOp(writer, RequestOp.deleteRange, { mark, branch: Txn.success });
  }
}

/** Ends a request, the RequestOp around it, and makes that an operation of a branch. */
function closeOp(writer: BackwardWriter, op: number, around: { mark: number; branch: number }): void {
  writer.message(op, around.mark);
  writer.message(around.branch, around.mark);
}

function writeCompare(writer: BackwardWriter, txn: CheckpointedTxn): void {
  const mark = writer.mark();
  // A compare by value is never true for a key that is absent; its create revision is then 0.
  if (txn.expected === null) writer.varint(Compare.createRevision, 0);
  else writer.bytes(Compare.value, txn.expected);
  writer.bytes(Compare.key, txn.checkpointKey);
  writer.varint(Compare.target, txn.expected === null ? CompareTarget.create : CompareTarget.value);
  writer.message(Txn.compare, mark);
}

function maxBytes({ checkpointKey, expected, next, writes }: CheckpointedTxn): number {
  let bytes = MAX_FRAME_OVERHEAD_BYTES + 3 * checkpointKey.length + next.length + (expected?.length ?? 0);
  for (const write of writes) {
    bytes += MAX_WRITE_OVERHEAD_BYTES + write.key.length + (write.kind === 'put' ? write.value.length : 0);
  }
  return bytes;
}
