/** A varint of a length or tag never takes more: all of ours are below 2^31. */
const MAX_UINT32_BYTES = 5;
/** Tag and length before a field's content, at most. */
export const MAX_FIELD_HEADER_BYTES = 2 * MAX_UINT32_BYTES;

/**
 * Writes Protocol Buffers back to front into one buffer of a size known beforehand. Backwards, because the length of a
 * nested message stands before its content: written forwards, every level would have to be measured first.
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

  /** Where the content that is written next will end; `message` wants it. */
  mark(): number {
    return this.position;
  }

  bytes(tag: number, content: Uint8Array): void {
    this.position -= content.length;
    this.buffer.set(content, this.position);
    this.uint32(content.length);
    this.uint32(tag);
  }

  varint(tag: number, value: number): void {
    this.uint32(value);
    this.uint32(tag);
  }

  /** Closes a nested message whose content is everything written since `mark`. */
  message(tag: number, mark: number): void {
    this.uint32(mark - this.position);
    this.uint32(tag);
  }

  finish(): Buffer {
    return this.buffer.subarray(this.position);
  }

  private uint32(value: number): void {
    let rest = value;
    const length = rest < 0x80 ? 1 : rest < 0x4000 ? 2 : rest < 0x20_0000 ? 3 : rest < 0x1000_0000 ? 4 : 5;
    this.position -= length;
    let at = this.position;
    while (rest >= 0x80) {
      this.buffer[at++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.buffer[at] = rest;
  }
}
