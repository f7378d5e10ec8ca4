import {
  type Anchor,
  type Entry,
  JournalCorruptError,
  type JournalRecord,
  RESET_REASONS,
  type Rewind,
  type SnapshotRef,
} from '@tidemark/core';
import protobuf from 'protobufjs/minimal.js';
import { readEntry } from './changes.js';
import {
  readBytes,
  readEnd,
  readInteger,
  readString,
  skipField,
  tag,
  WIRE_BYTES,
  WIRE_VARINT,
  WireError,
} from './wire.js';

/** Record of journal.proto. Numbers below are the field numbers there. */

export const KINDS = ['unspecified', 'term', 'batch', 'progress', 'reset', 'snapshot'] as const;
export type RecordKind = JournalRecord['kind'];

/**
 * The record in `payload`. Keys and values are views of it: it must not be written to afterwards.
 * @throws JournalCorruptError when the bytes are not a record, or one of a kind this version does not know
 */
export function decodeRecord(payload: Buffer): JournalRecord {
  try {
    return assemble(readRecord(protobuf.Reader.create(payload)));
  } catch (error) {
    if (error instanceof JournalCorruptError) throw error;
    if (error instanceof WireError) throw corrupt(error.message, error);
    throw error;
  }
}

interface Fields {
  kind: number;
  generation: number;
  term: number;
  previous: number;
  revision: number;
  time: number;
  anchor: Anchor | null;
  node: string;
  entries: Entry[];
  reset: { reason: string; evidence: string } | null;
  snapshot: SnapshotRef | null;
  notBefore: number | null;
}

function readRecord(reader: protobuf.Reader): Fields {
  const fields: Fields = {
    kind: 0,
    generation: 0,
    term: 0,
    previous: 0,
    revision: 0,
    time: 0,
    anchor: null,
    node: '',
    entries: [],
    reset: null,
    snapshot: null,
    notBefore: null,
  };
  while (reader.pos < reader.len) {
    const field = readInteger(reader);
    if (field === tag(9, WIRE_BYTES)) fields.entries.push(readEntry(reader));
    else if ((field & 7) === WIRE_VARINT) readNumberField(reader, field >>> 3, fields);
    else if ((field & 7) === WIRE_BYTES) readBytesField(reader, field >>> 3, fields);
    else skipField(reader, field);
  }
  return fields;
}

function readNumberField(reader: protobuf.Reader, number: number, fields: Fields): void {
  if (number === 1) fields.kind = readInteger(reader);
  else if (number === 2) fields.generation = readInteger(reader);
  else if (number === 3) fields.term = readInteger(reader);
  else if (number === 4) fields.previous = readInteger(reader);
  else if (number === 5) fields.revision = readInteger(reader);
  else if (number === 6) fields.time = readInteger(reader);
  else if (number === 12) fields.notBefore = readInteger(reader);
  else skipField(reader, WIRE_VARINT);
}

function readBytesField(reader: protobuf.Reader, number: number, fields: Fields): void {
  if (number === 7) fields.anchor = readAnchor(reader);
  else if (number === 8) fields.node = readString(reader);
  else if (number === 10) fields.reset = readReset(reader);
  else if (number === 11) fields.snapshot = readSnapshotRef(reader);
  else skipField(reader, WIRE_BYTES);
}

/** The digest is a copy: anchors live longer than their record, and a view would keep the payload in memory. */
function readAnchor(reader: protobuf.Reader): Anchor {
  const end = readEnd(reader);
  let [revision, raftTerm, clusterId] = [0, 0, ''];
  let digest: Buffer | null = null;
  while (reader.pos < end) {
    const field = readInteger(reader);
    if (field === tag(1, WIRE_VARINT)) revision = readInteger(reader);
    else if (field === tag(2, WIRE_BYTES)) digest = Buffer.from(readBytes(reader));
    else if (field === tag(3, WIRE_BYTES)) clusterId = readString(reader);
    else if (field === tag(4, WIRE_VARINT)) raftTerm = readInteger(reader);
    else skipField(reader, field);
  }
  return { revision, digest, clusterId, raftTerm };
}

function readReset(reader: protobuf.Reader): NonNullable<Fields['reset']> {
  const end = readEnd(reader);
  const reset = { reason: '', evidence: '' };
  while (reader.pos < end) {
    const field = readInteger(reader);
    if (field === tag(1, WIRE_BYTES)) reset.reason = readString(reader);
    else if (field === tag(2, WIRE_BYTES)) reset.evidence = readString(reader);
    else skipField(reader, field);
  }
  return reset;
}

function readSnapshotRef(reader: protobuf.Reader): SnapshotRef {
  const end = readEnd(reader);
  let id = '';
  let rewind: Rewind | null = null;
  const numbers = [0, 0, 0, 0, 0, 0, 0];
  while (reader.pos < end) {
    const field = readInteger(reader);
    const number = field >>> 3;
    if (field === tag(1, WIRE_BYTES)) id = readString(reader);
    else if (field === tag(7, WIRE_BYTES)) rewind = readRewind(reader);
    else if ((field & 7) === WIRE_VARINT && number < numbers.length) numbers[number] = readInteger(reader);
    else skipField(reader, field);
  }
  const [, , generation = 0, revision = 0, keys = 0, bytes = 0, createdAt = 0] = numbers;
  return { id, position: { generation, revision }, keys, bytes, createdAt, rewind };
}

function readRewind(reader: protobuf.Reader): Rewind {
  const end = readEnd(reader);
  let [generation, reason, evidence] = [0, '', ''];
  while (reader.pos < end) {
    const field = readInteger(reader);
    if (field === tag(1, WIRE_VARINT)) generation = readInteger(reader);
    else if (field === tag(2, WIRE_BYTES)) reason = readString(reader);
    else if (field === tag(3, WIRE_BYTES)) evidence = readString(reader);
    else skipField(reader, field);
  }
  if (reason !== 'rewound' && reason !== 'foreign_source') throw corrupt('a rewind has no known reason');
  return { generation, reason, evidence };
}

function assemble(fields: Fields): JournalRecord {
  const { generation, term, previous, revision, time, anchor } = fields;
  const kind = KINDS[fields.kind];
  if (kind === undefined || kind === 'unspecified') throw corrupt(`kind ${fields.kind} is not known to this version`);
  if (anchor === null) throw corrupt('it has no anchor');
  const base = { generation, term, previous, revision, time, anchor };
  switch (kind) {
    case 'term':
      return { kind, ...base, node: fields.node };
    case 'batch':
      return { kind, ...base, entries: fields.entries, notBefore: fields.notBefore };
    case 'progress':
      return { kind, ...base };
    case 'reset': {
      const { reason, evidence } = fields.reset ?? { reason: '', evidence: '' };
      const known = RESET_REASONS.find((candidate) => candidate === reason);
      if (known === undefined || fields.snapshot === null) throw corrupt('a reset has no known reason or no snapshot');
      return { kind, ...base, reason: known, evidence, snapshot: fields.snapshot };
    }
    case 'snapshot':
      if (fields.snapshot === null) throw corrupt('a snapshot record names no snapshot');
      return { kind, ...base, snapshot: fields.snapshot };
    default:
      return kind satisfies never;
  }
}

function corrupt(message: string, cause?: unknown): JournalCorruptError {
  return new JournalCorruptError({
    message: `A journal record cannot be decoded: ${message}.`,
    remedy: 'If a newer Tidemark wrote it, upgrade this node. Otherwise see the runbook on a corrupt journal.',
    cause,
  });
}
