import type { Reader } from 'protobufjs/minimal.js';

/**
 * Protobuf primitives for the integers of the journal, which are never negative and almost always small. protobufjs reads
 * int64 through an object of two halves (`Long`). One such object for every revision, version and lease of a busy journal
 * costs more than the rest of the codec.
 */

export const WIRE_VARINT = 0;
export const WIRE_BYTES = 2;

const MAX_VARINT_BYTES = 10;

/** The bytes do not follow the format. Becomes a JournalCorruptError where a record is decoded. */
export class WireError extends Error {}

/** `number << 3 | wireType`: the tag before each field. */
export function tag(field: number, wireType: number): number {
  return (field << 3) | wireType;
}

/** A varint that must be a safe, non-negative integer. */
export function readInteger(reader: Reader): number {
  const { buf } = reader;
  let value = 0;
  let scale = 1;
  for (let count = 0; count < MAX_VARINT_BYTES; count++) {
    if (reader.pos >= reader.len) throw new WireError('ends within an integer');
    const byte = buf[reader.pos++] as number;
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) {
      if (!Number.isSafeInteger(value)) throw new WireError('holds an integer that is not safe');
      return value;
    }
    scale *= 128;
  }
  throw new WireError('holds an integer of more than ten bytes');
}

export function readLease(reader: Reader): bigint {
  let value = 0n;
  for (let shift = 0n; shift < 70n; shift += 7n) {
    if (reader.pos >= reader.len) throw new WireError('ends within a lease');
    const byte = reader.buf[reader.pos++] as number;
    if (byte < 0x80) return BigInt.asIntN(64, value | (BigInt(byte) << shift));
    value |= BigInt(byte & 0x7f) << shift;
  }
  throw new WireError('holds a lease of more than ten bytes');
}

/** Bytes of a length-delimited field as a view of the message: nothing is copied. */
export function readBytes(reader: Reader): Buffer {
  const end = readEnd(reader);
  const bytes = (reader.buf as Buffer).subarray(reader.pos, end);
  reader.pos = end;
  return bytes;
}

export function readString(reader: Reader): string {
  return readBytes(reader).toString('utf8');
}

/** Reads a length and returns where the field ends. */
export function readEnd(reader: Reader): number {
  const end = readInteger(reader) + reader.pos;
  if (end > reader.len) throw new WireError('holds a length beyond its end');
  return end;
}

/** Skips an unknown field, so that the format can grow. */
export function skipField(reader: Reader, field: number): void {
  try {
    reader.skipType(field & 7);
  } catch (error) {
    throw new WireError('holds a field that cannot be skipped', { cause: error });
  }
}
