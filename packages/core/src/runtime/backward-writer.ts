import { InvariantError } from '../model/errors.js';

const TWO_TO_7 = 2 ** 7;
const TWO_TO_32 = 2 ** 32;
/** The most that a varint of a length or tag takes: all of ours are below 2^31. */
const MAX_UINT32_BYTES = 5;
/** Tag and length before a field's content, at most. */
export const MAX_FIELD_HEADER_BYTES = 2 * MAX_UINT32_BYTES;
/** Tag and 64 bits in groups of seven, at most. */
export const MAX_INTEGER_FIELD_BYTES = MAX_UINT32_BYTES + 10;

/**
 * Writes Protocol Buffers back to front into one buffer of a size known beforehand. The length of a nested message comes
 * before its content: a forward writer has to measure every level first. protobufjs keeps a list of small operations
 * instead and carries them out at the end: for one revision of 100,000 deletes, 600,000 objects that all live at once.
 *
 * A tag is `field number << 3 | wire type`. Every field is written, defaults included: the caller leaves those out.
 */
export class BackwardWriter {
  private readonly buffer: Buffer;
  /** Where the last written field begins. */
  private position: number;

  /** @param maxBytes an upper bound of all that will be written */
  constructor(maxBytes: number) {
    this.buffer = Buffer.allocUnsafe(maxBytes);
    this.position = maxBytes;
  }

  /** Where the content that is written next will end; an argument of `message`. */
  mark(): number {
    return this.position;
  }

  /** @throws InvariantError when `maxBytes` was not an upper bound */
  bytes(tag: number, content: Uint8Array): void {
    this.position -= content.length;
    if (this.position < 0) throw tooSmall(this.buffer.length);
    this.buffer.set(content, this.position);
    this.uint32(content.length);
    this.uint32(tag);
  }

  /** @throws InvariantError when `value` is negative or not a safe integer, or `maxBytes` was not an upper bound */
  varint(tag: number, value: number): void {
    this.integer(value);
    this.uint32(tag);
  }

  /** 64 bits of either sign; a negative value takes ten bytes. @throws InvariantError */
  int64(tag: number, value: bigint): void {
    let rest = BigInt.asUintN(64, value);
    let length = 1;
    for (let high = rest >> 7n; high > 0n; high >>= 7n) length++;
    let at = this.reserve(length);
    for (; rest >= 0x80n; rest >>= 7n) this.buffer[at++] = Number(rest & 0x7fn) | 0x80;
    this.buffer[at] = Number(rest);
    this.uint32(tag);
  }

  /** Closes a nested message whose content is everything written since `mark`. @throws InvariantError */
  message(tag: number, mark: number): void {
    this.uint32(mark - this.position);
    this.uint32(tag);
  }

  finish(): Buffer {
    return this.buffer.subarray(this.position);
  }

  /** Any safe integer: shifts would cut it to 32 bits. */
  private integer(value: number): void {
    if (!Number.isSafeInteger(value) || value < 0) throw new InvariantError(`${value} is not a safe integer`);
    if (value < TWO_TO_32) {
      this.uint32(value);
      return;
    }
    let length = 1;
    for (let high = value; high >= TWO_TO_7; high /= TWO_TO_7) length++;
    let at = this.reserve(length);
    let rest = value;
    for (; rest >= TWO_TO_7; rest = Math.floor(rest / TWO_TO_7)) this.buffer[at++] = (rest % TWO_TO_7) | 0x80;
    this.buffer[at] = rest;
  }

  private uint32(value: number): void {
    let rest = value;
    let at = this.reserve(rest < 0x80 ? 1 : rest < 0x4000 ? 2 : rest < 0x20_0000 ? 3 : rest < 0x1000_0000 ? 4 : 5);
    while (rest >= 0x80) {
      this.buffer[at++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.buffer[at] = rest;
  }

  private reserve(bytes: number): number {
    this.position -= bytes;
    // JavaScript silently drops bytes that are written before the buffer's beginning.
    if (this.position < 0) throw tooSmall(this.buffer.length);
    return this.position;
  }
}

function tooSmall(maxBytes: number): InvariantError {
  return new InvariantError(`a message has more bytes than the announced maximum of ${maxBytes}`);
}
