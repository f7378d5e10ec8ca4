import { type Change, type Entry, type KeyValue, NO_LEASE } from '@tidemark/core';
import type { Reader } from 'protobufjs/minimal.js';
import { readBytes, readEnd, readInteger, readLease, skipField, tag, WIRE_BYTES, WIRE_VARINT } from './wire.js';

/** Entry, Change and KeyValue of journal.proto. A change has the field numbers of a key-value, and a flag for deletes. */

export const KeyValueField = { key: 1, createRevision: 2, modRevision: 3, version: 4, value: 5, lease: 6 } as const;
/** The flag, beside the fields of a key-value. */
export const DELETE = 7;
export const EntryField = { revision: 1, changes: 2 } as const;

const EMPTY = Buffer.alloc(0);

export function readEntry(reader: Reader): Entry {
  const end = readEnd(reader);
  const changes: Change[] = [];
  let revision = 0;
  while (reader.pos < end) {
    const field = readInteger(reader);
    if (field === tag(EntryField.revision, WIRE_VARINT)) revision = readInteger(reader);
    else if (field === tag(EntryField.changes, WIRE_BYTES)) changes.push(readChange(reader));
    else skipField(reader, field);
  }
  return { revision, changes };
}

function readChange(reader: Reader): Change {
  const fields = readFields(reader);
  if (fields.deleted) return { kind: 'delete', key: fields.key };
  const { key, value, createRevision, version, lease } = fields;
  return { kind: 'put', key, value, createRevision, version, lease };
}

export function readKeyValue(reader: Reader): KeyValue {
  const { key, value, createRevision, modRevision, version, lease } = readFields(reader);
  return { key, value, createRevision, modRevision, version, lease };
}

function readFields(reader: Reader) {
  const end = readEnd(reader);
  let key: Buffer = EMPTY;
  let value: Buffer = EMPTY;
  let createRevision = 0;
  let modRevision = 0;
  let version = 0;
  let lease = NO_LEASE;
  let deleted = false;
  while (reader.pos < end) {
    const field = readInteger(reader);
    if (field === tag(KeyValueField.key, WIRE_BYTES)) key = readBytes(reader);
    else if (field === tag(KeyValueField.createRevision, WIRE_VARINT)) createRevision = readInteger(reader);
    else if (field === tag(KeyValueField.modRevision, WIRE_VARINT)) modRevision = readInteger(reader);
    else if (field === tag(KeyValueField.version, WIRE_VARINT)) version = readInteger(reader);
    else if (field === tag(KeyValueField.value, WIRE_BYTES)) value = readBytes(reader);
    else if (field === tag(KeyValueField.lease, WIRE_VARINT)) lease = readLease(reader);
    else if (field === tag(DELETE, WIRE_VARINT)) deleted = readInteger(reader) !== 0;
    else skipField(reader, field);
  }
  return { key, value, createRevision, modRevision, version, lease, deleted };
}
