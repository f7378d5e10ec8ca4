import { hasPrefix, type KeyRange } from '@tidemark/core';

/** Below keyPrefix, where checkpoints are. No route owns it; it is in no view and no count. */
export const REDIS_CHECKPOINT_PREFIX = '__tidemark__/';

/** What keys are called at Redis: keyPrefix, then the key. Callers of a destination never see the prefix. */
export class KeyNames {
  readonly checkpoint: Buffer;
  /** A name that nobody writes. */
  readonly never: Buffer;
  private readonly prefix: Buffer;
  private readonly reserved: Buffer;

  /** @param path `PIPELINE/DESTINATION`: several may share a server and a prefix */
  constructor(keyPrefix: string, path: string) {
    this.prefix = Buffer.from(keyPrefix);
    this.reserved = this.nameOf(Buffer.from(REDIS_CHECKPOINT_PREFIX));
    this.checkpoint = this.nameOf(Buffer.from(`${REDIS_CHECKPOINT_PREFIX}${path}/checkpoint`));
    this.never = this.nameOf(Buffer.from(`${REDIS_CHECKPOINT_PREFIX}${path}/never`));
  }

  nameOf(key: Buffer): Buffer {
    return Buffer.concat([this.prefix, key]);
  }

  /** Null when the name is none of a replicated key. */
  keyOf(name: Buffer): Buffer | null {
    if (!hasPrefix(name, this.prefix) || hasPrefix(name, this.reserved)) return null;
    return name.subarray(this.prefix.length);
  }

  /** A MATCH pattern that takes at least the names of a range. */
  pattern({ start, end }: KeyRange): Buffer {
    const common = this.nameOf(end === null ? Buffer.alloc(0) : commonPrefix(start, end));
    const escaped = [...common].flatMap((byte) => (GLOB.includes(byte) ? [BACKSLASH, byte] : [byte]));
    return Buffer.from([...escaped, ASTERISK]);
  }
}

/** What MATCH does not take literally. */
const GLOB = Buffer.from('*?[]^-\\');
const [ASTERISK, BACKSLASH] = [0x2a, 0x5c];

/**
 * What all keys of `[start, end)` begin with. Of a prefix's range that is the prefix without its last byte, whose
 * successor the end is.
 */
function commonPrefix(start: Buffer, end: Buffer): Buffer {
  let length = 0;
  while (length < start.length && length < end.length && start[length] === end[length]) length++;
  return start.subarray(0, length);
}
