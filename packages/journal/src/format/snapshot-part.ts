import { InvariantError, JournalCorruptError, type KeyValue, NO_LEASE } from '@tidemark/core';
import protobuf, { type Reader } from 'protobufjs/minimal.js';
import { KeyValueField, readKeyValue } from './changes.js';
import { readInteger, skipField, tag, WIRE_BYTES, WIRE_VARINT, WireError } from './wire.js';

/** SnapshotPart of journal.proto. Its field numbers, and those of KeyValue, are below 16: a tag is one byte. */

const KVS = tag(1, WIRE_BYTES);
const TAG_BYTES = 1;
const TWO_TO_7 = 2 ** 7;
/**
 * Keys that are decoded together. Decoding all 20,000 of a part at once took a fifth longer: the objects outlive V8's young
 * generation and have to be moved out of it.
 */
const SLICE_KEYS = 512;

/**
 * Encodes the keys of a part one after the other into one buffer. protobufjs keeps a list of small operations and
 * writes them at the end: ten objects for each key.
 */
export class SnapshotPartWriter {
  private readonly buffer: Buffer;
  private position = 0;

  /** @param capacity largest part, in bytes */
  constructor(capacity: number) {
    this.buffer = Buffer.allocUnsafe(capacity);
  }

  /** Whether so many bytes, see {@link encodedBytes}, can be added. */
  fits(bytes: number): boolean {
    return this.position + bytes <= this.buffer.length;
  }

  /** @throws InvariantError when it does not fit */
  add(kv: KeyValue): void {
    const content = contentBytes(kv);
    if (!this.fits(fieldBytes(content))) throw new InvariantError('A part of a snapshot is full.');
    this.buffer[this.position++] = KVS;
    this.varint(content);
    this.bytes(KeyValueField.key, kv.key);
    this.integer(KeyValueField.createRevision, kv.createRevision);
    this.integer(KeyValueField.modRevision, kv.modRevision);
    this.integer(KeyValueField.version, kv.version);
    this.bytes(KeyValueField.value, kv.value);
    this.lease(kv.lease);
  }

  finish(): Buffer {
    return this.buffer.subarray(0, this.position);
  }

  private bytes(field: number, value: Buffer): void {
    if (value.length === 0) return;
    this.buffer[this.position++] = tag(field, WIRE_BYTES);
    this.varint(value.length);
    this.position += value.copy(this.buffer, this.position);
  }

  private integer(field: number, value: number): void {
    if (value === 0) return;
    this.buffer[this.position++] = tag(field, WIRE_VARINT);
    this.varint(value);
  }

  private lease(lease: bigint): void {
    if (lease === NO_LEASE) return;
    this.buffer[this.position++] = tag(KeyValueField.lease, WIRE_VARINT);
    let rest = BigInt.asUintN(64, lease);
    for (; rest >= 0x80n; rest >>= 7n) this.buffer[this.position++] = Number(rest & 0x7fn) | 0x80;
    this.buffer[this.position++] = Number(rest);
  }

  /** Any safe integer: shifts would cut it to 32 bits. */
  private varint(value: number): void {
    let rest = value;
    for (; rest >= 0x80; rest = Math.floor(rest / TWO_TO_7)) this.buffer[this.position++] = (rest % TWO_TO_7) | 0x80;
    this.buffer[this.position++] = rest;
  }
}

/** Bytes of a key in a part. @throws WireError when one of its numbers is not a safe integer */
export function encodedBytes(kv: KeyValue): number {
  return fieldBytes(contentBytes(kv));
}

function contentBytes({ key, createRevision, modRevision, version, value, lease }: KeyValue): number {
  return (
    (key.length === 0 ? 0 : fieldBytes(key.length)) +
    integerBytes(createRevision) +
    integerBytes(modRevision) +
    integerBytes(version) +
    (value.length === 0 ? 0 : fieldBytes(value.length)) +
    leaseBytes(lease)
  );
}

/** A length-delimited field with so much content. */
function fieldBytes(content: number): number {
  return TAG_BYTES + varintBytes(content) + content;
}

function integerBytes(value: number): number {
  if (!Number.isSafeInteger(value) || value < 0) throw new WireError(`${value} is not a safe integer`);
  return value === 0 ? 0 : TAG_BYTES + varintBytes(value);
}

function varintBytes(value: number): number {
  let bytes = 1;
  for (let rest = value; rest >= TWO_TO_7; rest /= TWO_TO_7) bytes++;
  return bytes;
}

function leaseBytes(lease: bigint): number {
  if (lease === NO_LEASE) return 0;
  let bytes = TAG_BYTES + 1;
  for (let rest = BigInt.asUintN(64, lease); rest >= 0x80n; rest >>= 7n) bytes++;
  return bytes;
}

/** The keys of a part, a few hundred at a time; they are views of `payload`. @throws JournalCorruptError */
export function* decodeSnapshotPart(payload: Buffer): Generator<KeyValue[]> {
  const reader = protobuf.Reader.create(payload);
  while (reader.pos < reader.len) yield readSlice(reader);
}

function readSlice(reader: Reader): KeyValue[] {
  const kvs: KeyValue[] = [];
  try {
    while (reader.pos < reader.len && kvs.length < SLICE_KEYS) {
      const field = readInteger(reader);
      if (field === KVS) kvs.push(readKeyValue(reader));
      else skipField(reader, field);
    }
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    throw new JournalCorruptError({
      message: `A part of a snapshot cannot be decoded: ${error.message}.`,
      remedy: 'Take a new snapshot with `tidemark snapshot create`.',
      cause: error,
    });
  }
  return kvs;
}
