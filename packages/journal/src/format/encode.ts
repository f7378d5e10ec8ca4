import {
  type Anchor,
  BackwardWriter,
  type Change,
  type Entry,
  type JournalRecord,
  MAX_FIELD_HEADER_BYTES,
  MAX_INTEGER_FIELD_BYTES,
  NO_LEASE,
  type SnapshotRef,
} from '@tidemark/core';
import { DELETE, EntryField, KeyValueField } from './changes.js';
import { KINDS } from './record.js';
import { tag, WIRE_BYTES, WIRE_VARINT } from './wire.js';

/**
 * Record of journal.proto, encoded back to front: the field with the highest number is written first, so that the fields
 * are in ascending order on the wire.
 */

/** Everything but texts and entries: fewer than 32 numbers, and the headers around them. */
const FRAME_BYTES = 32 * MAX_INTEGER_FIELD_BYTES;
/** Headers of the entry, and its revision. */
const ENTRY_OVERHEAD_BYTES = MAX_FIELD_HEADER_BYTES + MAX_INTEGER_FIELD_BYTES;
/** Headers of the change and its key, and the flag. */
const DELETE_OVERHEAD_BYTES = 2 * MAX_FIELD_HEADER_BYTES + 2;
/** Headers of the change, key and value; versions and lease. */
const PUT_OVERHEAD_BYTES = 3 * MAX_FIELD_HEADER_BYTES + 3 * MAX_INTEGER_FIELD_BYTES;

/**
 * The payload of a record, whole; {@link import('./frame.js')} cuts it into messages.
 * @throws InvariantError when one of its numbers is not a safe integer
 */
export function encodeRecord(record: JournalRecord): Buffer {
  const writer = new BackwardWriter(maxBytes(record));
  writeBody(writer, record);
  writeAnchor(writer, record.anchor);
  writeInteger(writer, 6, record.time);
  writeInteger(writer, 5, record.revision);
  writeInteger(writer, 4, record.previous);
  writeInteger(writer, 3, record.term);
  writeInteger(writer, 2, record.generation);
  writeInteger(writer, 1, KINDS.indexOf(record.kind));
  return writer.finish();
}

function writeAnchor(writer: BackwardWriter, { revision, digest, clusterId, raftTerm }: Anchor): void {
  const mark = writer.mark();
  writeInteger(writer, 4, raftTerm);
  writeString(writer, 3, clusterId);
  if (digest !== null) writeBytes(writer, 2, digest);
  writeInteger(writer, 1, revision);
  writer.message(tag(7, WIRE_BYTES), mark);
}

function writeBody(writer: BackwardWriter, record: JournalRecord): void {
  switch (record.kind) {
    case 'term':
      writeString(writer, 8, record.node);
      return;
    case 'batch':
      writeInteger(writer, 12, record.notBefore ?? 0);
      for (let at = record.entries.length - 1; at >= 0; at--) writeEntry(writer, record.entries[at] as Entry);
      return;
    case 'reset': {
      writeSnapshotRef(writer, record.snapshot);
      const mark = writer.mark();
      writeString(writer, 2, record.evidence);
      writeString(writer, 1, record.reason);
      writer.message(tag(10, WIRE_BYTES), mark);
      return;
    }
    case 'snapshot':
      writeSnapshotRef(writer, record.snapshot);
      return;
    case 'progress':
      return;
    default:
      record satisfies never;
  }
}

function writeSnapshotRef(writer: BackwardWriter, ref: SnapshotRef): void {
  const mark = writer.mark();
  if (ref.rewind !== null) {
    const inner = writer.mark();
    writeString(writer, 3, ref.rewind.evidence);
    writeString(writer, 2, ref.rewind.reason);
    writeInteger(writer, 1, ref.rewind.generation);
    writer.message(tag(7, WIRE_BYTES), inner);
  }
  writeInteger(writer, 6, ref.createdAt);
  writeInteger(writer, 5, ref.bytes);
  writeInteger(writer, 4, ref.keys);
  writeInteger(writer, 3, ref.position.revision);
  writeInteger(writer, 2, ref.position.generation);
  writeString(writer, 1, ref.id);
  writer.message(tag(11, WIRE_BYTES), mark);
}

function writeEntry(writer: BackwardWriter, { revision, changes }: Entry): void {
  const mark = writer.mark();
  for (let at = changes.length - 1; at >= 0; at--) writeChange(writer, changes[at] as Change);
  writeInteger(writer, EntryField.revision, revision);
  writer.message(tag(9, WIRE_BYTES), mark);
}

function writeChange(writer: BackwardWriter, change: Change): void {
  const mark = writer.mark();
  if (change.kind === 'delete') {
    writer.varint(tag(DELETE, WIRE_VARINT), 1);
  } else {
    if (change.lease !== NO_LEASE) writer.int64(tag(KeyValueField.lease, WIRE_VARINT), change.lease);
    writeBytes(writer, KeyValueField.value, change.value);
    writeInteger(writer, KeyValueField.version, change.version);
    writeInteger(writer, KeyValueField.createRevision, change.createRevision);
  }
  writeBytes(writer, KeyValueField.key, change.key);
  writer.message(tag(EntryField.changes, WIRE_BYTES), mark);
}

/** proto3 leaves defaults out: this and the next two write nothing then. */
function writeInteger(writer: BackwardWriter, field: number, value: number): void {
  if (value !== 0) writer.varint(tag(field, WIRE_VARINT), value);
}

function writeString(writer: BackwardWriter, field: number, value: string): void {
  if (value !== '') writer.bytes(tag(field, WIRE_BYTES), Buffer.from(value));
}

function writeBytes(writer: BackwardWriter, field: number, value: Uint8Array): void {
  if (value.length > 0) writer.bytes(tag(field, WIRE_BYTES), value);
}

function maxBytes(record: JournalRecord): number {
  const { clusterId, digest } = record.anchor;
  return FRAME_BYTES + Buffer.byteLength(clusterId) + (digest?.length ?? 0) + maxBodyBytes(record);
}

function maxBodyBytes(record: JournalRecord): number {
  switch (record.kind) {
    case 'term':
      return Buffer.byteLength(record.node);
    case 'batch':
      return record.entries.reduce((sum, entry) => sum + maxEntryBytes(entry), 0);
    case 'reset':
      return Buffer.byteLength(record.reason) + Buffer.byteLength(record.evidence) + maxTextBytes(record.snapshot);
    case 'snapshot':
      return maxTextBytes(record.snapshot);
    case 'progress':
      return 0;
    default:
      return record satisfies never;
  }
}

function maxTextBytes({ id, rewind }: SnapshotRef): number {
  if (rewind === null) return Buffer.byteLength(id);
  return Buffer.byteLength(id) + Buffer.byteLength(rewind.reason) + Buffer.byteLength(rewind.evidence);
}

function maxEntryBytes({ changes }: Entry): number {
  let bytes = ENTRY_OVERHEAD_BYTES;
  for (const change of changes) {
    bytes += change.key.length;
    bytes += change.kind === 'delete' ? DELETE_OVERHEAD_BYTES : PUT_OVERHEAD_BYTES + change.value.length;
  }
  return bytes;
}
