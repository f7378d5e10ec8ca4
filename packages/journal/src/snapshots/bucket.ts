/** Named objects, whole: what a snapshot store needs of an object store. Implementations cast their errors. */
export interface Bucket {
  /** Visible to `get` and `list` only when complete. */
  put(name: string, payload: Buffer): Promise<void>;
  get(name: string): Promise<Buffer | null>;
  list(): Promise<readonly BucketObject[]>;
  /** Does nothing when there is no such object. */
  remove(name: string): Promise<void>;
}

export interface BucketObject {
  readonly name: string;
  /** Milliseconds since the epoch. */
  readonly modifiedAt: number;
}
