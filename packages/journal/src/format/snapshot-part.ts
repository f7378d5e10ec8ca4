import { JournalCorruptError, type KeyValue } from '@tidemark/core';
import protobuf from 'protobufjs/minimal.js';
import { readKeyValue, writeKeyValue } from './changes.js';
import { readInteger, skipField, tag, WIRE_BYTES, WireError } from './wire.js';

const KVS = tag(1, WIRE_BYTES);

/** SnapshotPart of journal.proto. */
export function encodeSnapshotPart(kvs: readonly KeyValue[]): Buffer {
  const writer = protobuf.Writer.create();
  for (const kv of kvs) {
    writer.uint32(KVS).fork();
    writeKeyValue(writer, kv);
    writer.ldelim();
  }
  return writer.finish() as Buffer;
}

/** Keys and values are views of `payload`. @throws JournalCorruptError */
export function decodeSnapshotPart(payload: Buffer): KeyValue[] {
  const reader = protobuf.Reader.create(payload);
  const kvs: KeyValue[] = [];
  try {
    while (reader.pos < reader.len) {
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
