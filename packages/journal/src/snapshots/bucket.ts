import { createHash } from 'node:crypto';

/** What an object holds, with its digest: hashing it is the dearest step, so it is done once on each way. */
export interface Content {
  readonly payload: Buffer;
  /** SHA-256, hexadecimal. */
  readonly sha256: string;
}

export function hashed(payload: Buffer): Content {
  return { payload, sha256: createHash('sha256').update(payload).digest('hex') };
}

/** Named objects, whole: what a snapshot store needs of an object store. Implementations cast their errors. */
export interface Bucket {
  /** Visible to `get` and `list` only when complete. A name is used once. */
  put(name: string, content: Content): Promise<void>;
  /** The digest is that of the payload as it was read. @throws JournalCorruptError when it is not what was stored */
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
