import { InvariantError } from '@tidemark/core';

const TWO_TO_7 = 2 ** 7;
const TWO_TO_28 = 2 ** 28;

/** Wire types of Protocol Buffers. Groups (3, 4) are not used by etcd. */
const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;

/**
 * Reads Protocol Buffers from one message without copying: byte fields are views into it. A view keeps the whole message
 * in memory, which is fine: keys and values of a message are used together.
 */
export class WireReader {
  private position = 0;

  constructor(
    private readonly buffer: Buffer,
    start: number,
    private end: number,
  ) {
    this.position = start;
  }

  get done(): boolean {
    return this.position >= this.end;
  }

  /** Where the next field begins. */
  get offset(): number {
    return this.position;
  }

  /** The next field's tag: field number shifted left by three, or'ed with the wire type. */
  tag(): number {
    return this.uint();
  }

  /** A varint as a number. @throws InvariantError when it is not a safe integer */
  uint(): number {
    let byte = this.byte();
    if (byte < 0x80) return byte;
    // Four groups of seven bits fit the fast integer path; the rest is added as a double.
    let value = byte & 0x7f;
    for (let shift = 7; shift < 28; shift += 7) {
      byte = this.byte();
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    let factor = TWO_TO_28;
    for (let group = 0; group < 4; group++) {
      byte = this.byte();
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) {
        if (value > Number.MAX_SAFE_INTEGER) break;
        return value;
      }
      factor *= TWO_TO_7;
    }
    throw new InvariantError('etcd sent a number that is not a safe integer');
  }

  /** A varint as 64 unsigned bits. */
  uint64(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.byte();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
    throw new InvariantError('etcd sent a number of more than 64 bits');
  }

  /** A varint as 64 signed bits. */
  int64(): bigint {
    return BigInt.asIntN(64, this.uint64());
  }

  bool(): boolean {
    return this.uint() !== 0;
  }

  /** A length-delimited field, as a view. */
  bytes(): Buffer {
    const end = this.endOfField();
    const start = this.position;
    this.position = end;
    return this.buffer.subarray(start, end);
  }

  /** Narrows the reader to the message that follows; `leave` with the returned value widens it again. */
  enter(): number {
    const outer = this.end;
    this.end = this.endOfField();
    return outer;
  }

  leave(outer: number): void {
    this.position = this.end;
    this.end = outer;
  }

  /** Skips an unknown field: newer servers add some. */
  skip(tag: number): void {
    switch (tag & 7) {
      case VARINT:
        while (this.byte() >= 0x80);
        return;
      case FIXED64:
        this.position += 8;
        return;
      case BYTES:
        this.position = this.endOfField();
        return;
      case FIXED32:
        this.position += 4;
        return;
      default:
        throw new InvariantError(`etcd sent a message with the unknown wire type ${tag & 7}`);
    }
  }

  private endOfField(): number {
    const length = this.uint();
    const end = this.position + length;
    if (end > this.end) throw new InvariantError('etcd sent a message that ends in the middle of a field');
    return end;
  }

  private byte(): number {
    if (this.position >= this.end) throw new InvariantError('etcd sent a message that ends in the middle of a field');
    return this.buffer[this.position++] as number;
  }
}
