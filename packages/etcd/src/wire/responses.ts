import { type Change, type KeyValue, NO_LEASE } from '@tidemark/core';
import { WireReader } from './reader.js';

/**
 * Decoders for bulk messages, directly into core's own types. On these, etcd3's codec (protobufjs, then a plain object, then
 * every int64 as text) costs more than gRPC itself; small messages still use it.
 * Field numbers: etcd's rpc.proto and kv.proto. Each constant is a tag, `number << 3 | wire type`.
 */
const Header = { clusterId: 8, revision: 24, raftTerm: 32 } as const;
const Watch = {
  header: 10,
  created: 24,
  canceled: 32,
  compactRevision: 40,
  cancelReason: 50,
  fragment: 56,
  events: 90,
} as const;
const Event = { type: 8, kv: 18 } as const;
const Kv = { key: 10, createRevision: 16, modRevision: 24, version: 32, value: 42, lease: 48 } as const;
export const RangeTag = { header: 10, kvs: 18, more: 24, count: 32 } as const;
const Txn = { header: 10, succeeded: 16, responses: 26 } as const;
const ResponseOp = { range: 10 } as const;

const EMPTY: Buffer = Buffer.alloc(0);
/** Event.EventType of etcd. PUT is 0, the default, which is not sent. */
const DELETE = 1;

export interface ResponseHeader {
  /** Decimal text: 64 bits, only ever compared. */
  readonly clusterId: string;
  readonly revision: number;
  readonly raftTerm: number;
}

/** Consecutive events of one response that have the same mod_revision; a whole revision unless it was cut in fragments. */
export interface RevisionRun {
  readonly revision: number;
  readonly changes: Change[];
}

export interface WatchResponse {
  /** The member's store revision when it sent this. Never a position: a catch-up batch carries the head of the store. */
  headerRevision: number;
  created: boolean;
  canceled: boolean;
  /** Not 0: the watcher was cancelled because its revisions are compacted up to here. */
  compactRevision: number;
  cancelReason: string;
  /** The last run goes on in the next response. */
  fragment: boolean;
  /** Empty when the watcher was created or cancelled, and in an answer to a progress request. */
  runs: RevisionRun[];
  /** Size on the wire, for limits. */
  readonly bytes: number;
}

export interface RangeResponse {
  readonly header: ResponseHeader;
  readonly kvs: KeyValue[];
  readonly more: boolean;
  /** Keys in the range, whatever the limit. */
  readonly count: number;
}

/** The fields of a transaction's answer that our transactions need. */
export interface TxnOutcome {
  readonly header: ResponseHeader;
  readonly succeeded: boolean;
  /** The answers to the ranges among its operations, in order. */
  readonly ranges: readonly RangeResponse[];
}

export function decodeWatchResponse(buffer: Buffer): WatchResponse {
  const reader = new WireReader(buffer, 0, buffer.length);
  const response: WatchResponse = {
    headerRevision: 0,
    created: false,
    canceled: false,
    compactRevision: 0,
    cancelReason: '',
    fragment: false,
    runs: [],
    bytes: buffer.length,
  };
  while (!reader.done) {
    const tag = reader.tag();
    if (tag === Watch.events) readEvent(reader, response.runs);
    else readWatchField(reader, tag, response);
  }
  return response;
}

/** The same without values, for a reader that needs only keys: they are copied, so that the message can be freed. */
export function decodeWatchedKeys(buffer: Buffer): WatchResponse {
  const response = decodeWatchResponse(buffer);
  return {
    ...response,
    runs: response.runs.map(({ revision, changes }) => ({ revision, changes: changes.map(keyOnly) })),
  };
}

function keyOnly(change: Change): Change {
  const key = Buffer.from(change.key);
  return change.kind === 'put' ? { ...change, key, value: EMPTY } : { kind: 'delete', key };
}

function readWatchField(reader: WireReader, tag: number, response: WatchResponse): void {
  switch (tag) {
    case Watch.header:
      response.headerRevision = readHeaderRevision(reader);
      return;
    case Watch.created:
      response.created = reader.bool();
      return;
    case Watch.canceled:
      response.canceled = reader.bool();
      return;
    case Watch.compactRevision:
      response.compactRevision = reader.uint();
      return;
    case Watch.cancelReason:
      response.cancelReason = reader.bytes().toString();
      return;
    case Watch.fragment:
      response.fragment = reader.bool();
      return;
    default:
      reader.skip(tag);
  }
}

/** Appends the event to the last run, or begins a new one when its revision differs. */
function readEvent(reader: WireReader, runs: RevisionRun[]): void {
  const outer = reader.enter();
  let type = 0;
  let kv: KeyValue | undefined;
  while (!reader.done) {
    const tag = reader.tag();
    if (tag === Event.kv) kv = readKeyValue(reader);
    else if (tag === Event.type) type = reader.uint();
    else reader.skip(tag);
  }
  reader.leave(outer);
  if (kv === undefined) return;
  const change: Change = type === DELETE ? { kind: 'delete', key: kv.key } : toPut(kv);
  const last = runs[runs.length - 1];
  if (last !== undefined && last.revision === kv.modRevision) last.changes.push(change);
  else runs.push({ revision: kv.modRevision, changes: [change] });
}

function toPut(kv: KeyValue): Change {
  return {
    kind: 'put',
    key: kv.key,
    value: kv.value,
    createRevision: kv.createRevision,
    version: kv.version,
    lease: kv.lease,
  };
}

export function readKeyValue(reader: WireReader): KeyValue {
  const outer = reader.enter();
  let key = EMPTY;
  let value = EMPTY;
  let createRevision = 0;
  let modRevision = 0;
  let version = 0;
  let lease = NO_LEASE;
  while (!reader.done) {
    const tag = reader.tag();
    if (tag === Kv.key) key = reader.bytes();
    else if (tag === Kv.createRevision) createRevision = reader.uint();
    else if (tag === Kv.modRevision) modRevision = reader.uint();
    else if (tag === Kv.version) version = reader.uint();
    else if (tag === Kv.value) value = reader.bytes();
    else if (tag === Kv.lease) lease = reader.int64();
    else reader.skip(tag);
  }
  reader.leave(outer);
  return { key, value, createRevision, modRevision, version, lease };
}

function readHeaderRevision(reader: WireReader): number {
  const outer = reader.enter();
  let revision = 0;
  while (!reader.done) {
    const tag = reader.tag();
    if (tag === Header.revision) revision = reader.uint();
    else reader.skip(tag);
  }
  reader.leave(outer);
  return revision;
}

export function readHeader(reader: WireReader): ResponseHeader {
  const outer = reader.enter();
  let clusterId = 0n;
  let revision = 0;
  let raftTerm = 0;
  while (!reader.done) {
    const tag = reader.tag();
    if (tag === Header.clusterId) clusterId = reader.uint64();
    else if (tag === Header.revision) revision = reader.uint();
    else if (tag === Header.raftTerm) raftTerm = reader.uint();
    else reader.skip(tag);
  }
  reader.leave(outer);
  return { clusterId: String(clusterId), revision, raftTerm };
}

export const NO_HEADER: ResponseHeader = { clusterId: '0', revision: 0, raftTerm: 0 };

export function decodeRangeResponse(buffer: Buffer): RangeResponse {
  return readRange(new WireReader(buffer, 0, buffer.length));
}

function readRange(reader: WireReader): RangeResponse {
  let header = NO_HEADER;
  const kvs: KeyValue[] = [];
  let more = false;
  let count = 0;
  while (!reader.done) {
    const tag = reader.tag();
    if (tag === RangeTag.kvs) kvs.push(readKeyValue(reader));
    else if (tag === RangeTag.header) header = readHeader(reader);
    else if (tag === RangeTag.more) more = reader.bool();
    else if (tag === RangeTag.count) count = reader.uint();
    else reader.skip(tag);
  }
  return { header, kvs, more, count };
}

export function decodeTxnOutcome(buffer: Buffer): TxnOutcome {
  const reader = new WireReader(buffer, 0, buffer.length);
  let header = NO_HEADER;
  let succeeded = false;
  const ranges: RangeResponse[] = [];
  while (!reader.done) {
    const tag = reader.tag();
    if (tag === Txn.responses) readResponseOp(reader, ranges);
    else if (tag === Txn.header) header = readHeader(reader);
    else if (tag === Txn.succeeded) succeeded = reader.bool();
    else reader.skip(tag);
  }
  return { header, succeeded, ranges };
}

function readResponseOp(reader: WireReader, ranges: RangeResponse[]): void {
  const outer = reader.enter();
  while (!reader.done) {
    const tag = reader.tag();
    if (tag === ResponseOp.range) {
      const outerOfRange = reader.enter();
      ranges.push(readRange(reader));
      reader.leave(outerOfRange);
    } else reader.skip(tag);
  }
  reader.leave(outer);
}
