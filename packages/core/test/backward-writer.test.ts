import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BackwardWriter, InvariantError, MAX_INTEGER_FIELD_BYTES } from '../src/index.js';

/** Field 1 as a varint. */
const TAG = 8;

/** What Protocol Buffers says of a varint: groups of seven bits, the lowest first. */
function varint(value: bigint): number[] {
  return value < 0x80n ? [Number(value)] : [Number(value & 0x7fn) | 0x80, ...varint(value >> 7n)];
}

function written(write: (writer: BackwardWriter) => void, maxBytes = MAX_INTEGER_FIELD_BYTES): Buffer {
  const writer = new BackwardWriter(maxBytes);
  write(writer);
  return writer.finish();
}

describe('BackwardWriter', () => {
  it('writes every safe integer, and 64 bits of either sign', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (number, bits) => {
        expect([...written((writer) => writer.varint(TAG, number))]).toEqual([TAG, ...varint(BigInt(number))]);
        const unsigned = BigInt.asUintN(64, bits);
        expect([...written((writer) => writer.int64(TAG, bits))]).toEqual([TAG, ...varint(unsigned)]);
      }),
    );
  });

  it('refuses what it cannot write whole: other numbers, and more bytes than were announced', () => {
    for (const value of [-1, 0.5, 2 ** 53]) {
      expect(() => written((writer) => writer.varint(TAG, value))).toThrow(InvariantError);
    }
    expect(() => written((writer) => writer.bytes(TAG, Buffer.alloc(5)), 6)).toThrow(InvariantError);
    expect(() => written((writer) => writer.bytes(TAG, Buffer.alloc(5)), 4)).toThrow(InvariantError);
    expect(() => written((writer) => writer.int64(TAG, -1n), 10)).toThrow(InvariantError);
  });
});
