import { createHash } from 'node:crypto';

/** The payload of an object with its digest. Hashing is the most expensive step, so it is done once for each transfer. */
export interface Content {
  readonly payload: Buffer;
  /** SHA-256, hexadecimal. */
  readonly sha256: string;
}

export function hashed(payload: Buffer): Content {
  return { payload, sha256: createHash('sha256').update(payload).digest('hex') };
}

/** An object store, as far as a snapshot store needs it. Implementations cast their errors. */
export interface Bucket {
  /** Visible to `get` and `list` only when complete. A name is used once. */
  put(name: string, content: Content): Promise<void>;
  /** The digest is computed from the payload that was read. @throws JournalCorruptError when it is not the stored one */
  get(name: string): Promise<Content | null>;
  list(): Promise<readonly BucketObject[]>;
  /** Does nothing when there is no such object. */
  remove(name: string): Promise<void>;
}

export interface BucketObject {
  readonly name: string;
  /** Milliseconds since the epoch. */
  readonly modifiedAt: number;
}
