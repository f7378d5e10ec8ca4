import { UnavailableError } from '@tidemark/core';
import { type ObjectStore, StorageType } from 'nats';
import type { Bucket, BucketObject } from '../snapshots/bucket.js';
import { castError } from './errors.js';
import type { Link } from './link.js';
import { journalNames } from './stream-config.js';

export interface ObjectBucketOptions {
  readonly link: Link;
  readonly pipeline: string;
  readonly replicas: number;
}

/** For one object of a few MiB, in milliseconds. nats.js waits for ever for an object whose chunks are gone. */
const OBJECT_TIMEOUT_MS = 30_000;
const CHUNK_BYTES = 512 * 1024;

/** A bucket of the JetStream object store. nats.js checks each object against its SHA-256. */
export class ObjectBucket implements Bucket {
  private readonly name: string;
  private store: ObjectStore | null = null;

  constructor(private readonly options: ObjectBucketOptions) {
    this.name = journalNames(options.pipeline).bucket;
  }

  /** Creates the bucket when there is none. */
  async ensure(): Promise<void> {
    await this.opened();
  }

  async put(name: string, payload: Buffer): Promise<void> {
    const { link } = this.options;
    // Half of what a message may hold leaves room for the headers, whatever the server's limit.
    const meta = { name, options: { max_chunk_size: Math.min(CHUNK_BYTES, Math.floor(link.maxPayload / 2)) } };
    await this.within(`store object ${name}`, (store) => store.putBlob(meta, payload));
  }

  async get(name: string): Promise<Buffer | null> {
    const blob = await this.within(`read object ${name}`, (store) => store.getBlob(name));
    return blob && Buffer.from(blob.buffer, blob.byteOffset, blob.byteLength);
  }

  async list(): Promise<readonly BucketObject[]> {
    const objects = await this.within('list objects', (store) => store.list());
    return objects.map(({ name, mtime }) => ({ name, modifiedAt: Date.parse(mtime) }));
  }

  /** Purges the mark too that nats.js leaves for a deleted object: `list` would read those marks for ever. */
  async remove(name: string): Promise<void> {
    await this.within(`remove object ${name}`, async (store) => {
      const info = await store.info(name);
      if (info === null) return;
      await store.delete(name);
      const encoded = Buffer.from(name).toString('base64').replaceAll('+', '-').replaceAll('/', '_');
      await this.options.link.manager.streams.purge(`OBJ_${this.name}`, { filter: `$O.${this.name}.M.${encoded}` });
    });
  }

  private async opened(): Promise<ObjectStore> {
    if (this.store !== null) return this.store;
    const { link, pipeline, replicas } = this.options;
    try {
      const description = `Snapshots of Tidemark journal ${pipeline}`;
      this.store = await link.jetstream.views.os(this.name, { description, storage: StorageType.File, replicas });
      return this.store;
    } catch (error) {
      throw castError(error, `open object store ${this.name}`);
    }
  }

  /** Runs one operation, with a deadline, and casts what it fails with. */
  private async within<T>(doing: string, operation: (store: ObjectStore) => Promise<T>): Promise<T> {
    this.options.link.assertConnected();
    const store = await this.opened();
    let timer: NodeJS.Timeout | undefined;
    const deadline = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(late(doing)), OBJECT_TIMEOUT_MS);
    });
    try {
      return await Promise.race([operation(store), deadline]);
    } catch (error) {
      throw castError(error, doing);
    } finally {
      clearTimeout(timer);
    }
  }
}

function late(doing: string): UnavailableError {
  return new UnavailableError({
    message: `NATS: could not ${doing} within ${OBJECT_TIMEOUT_MS} ms.`,
    remedy: 'It is tried again. Check that the NATS servers run and are reachable.',
  });
}
