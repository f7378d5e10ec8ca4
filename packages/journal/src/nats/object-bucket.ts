import { JournalCorruptError } from '@tidemark/core';
import { headers, JsHeaders, type MsgHdrs, nuid } from 'nats';
import { type Bucket, type BucketObject, type Content, hashed } from '../snapshots/bucket.js';
import { collect } from './collect.js';
import type { NatsConnection } from './connection.js';
import { ApiErrorCode, apiErrorCode, castError } from './errors.js';
import { bucketStream, decodeInfo, encodeInfo, type ObjectInfo, objectNames } from './object-layout.js';
import { journalNames } from './stream-config.js';

export interface ObjectBucketOptions {
  readonly connection: NatsConnection;
  readonly pipeline: string;
  readonly replicas: number;
  /** How long the server may be silent within an object, in milliseconds. */
  readonly silenceMs?: number;
}

const CHUNK_BYTES = 512 * 1024;
/** Chunks in flight at once, for one object. The server acknowledges each. */
const CHUNKS_IN_FLIGHT = 4;

/**
 * A bucket of the JetStream object store, see object-layout.ts, compatible with the nats command and other clients. nats.js's
 * own client hashes in JavaScript, which took a fifth of a resync, and waits for ever for an object whose chunks were
 * removed.
 */
export class ObjectBucket implements Bucket {
  private readonly name: string;
  private readonly names: ReturnType<typeof objectNames>;

  constructor(private readonly options: ObjectBucketOptions) {
    this.name = journalNames(options.pipeline).bucket;
    this.names = objectNames(this.name);
  }

  /** Creates the bucket when there is none; an existing one is not touched. */
  async ensure(): Promise<void> {
    const { connection, pipeline, replicas } = this.options;
    const { streams } = connection.manager;
    await this.ask(`open object store ${this.name}`, async () => {
      const existing = await unless([ApiErrorCode.streamNotFound], streams.info(this.names.stream));
      if (existing !== null) return;
      const config = bucketStream(this.name, { description: `Snapshots of Tidemark journal ${pipeline}`, replicas });
      // Name in use: another node created it between the two requests.
      await unless([ApiErrorCode.streamNameInUse], streams.add(config));
    });
  }

  async put(name: string, { payload, sha256 }: Content): Promise<void> {
    const object = { name, nuid: nuid.next(), size: payload.length, sha256, modifiedAt: Date.now(), deleted: false };
    await this.ask(`store object ${name}`, async () => {
      const chunks = await this.publishChunks(object.nuid, payload);
      await this.describe({ ...object, chunks });
    });
  }

  async get(name: string): Promise<Content | null> {
    return this.ask(`read object ${name}`, async () => {
      const info = await this.info(name);
      if (info === null || info.deleted) return null;
      const content = hashed(await this.readChunks(info));
      if (content.sha256 !== info.sha256) throw corrupt(name);
      return content;
    });
  }

  async list(): Promise<readonly BucketObject[]> {
    const found = await this.ask('list objects', () => this.collect(this.names.descriptions));
    return found.map(decodeInfo).filter(({ deleted }) => !deleted);
  }

  /**
   * In the order of other clients, so that none of them finds a description without its chunks. Other clients leave the
   * description as a tombstone; here it is purged too, because `list` would read the tombstones for ever.
   */
  async remove(name: string): Promise<void> {
    await this.ask(`remove object ${name}`, async () => {
      const info = await this.info(name);
      if (info === null) return;
      await this.describe({ ...info, size: 0, chunks: 0, deleted: true });
      await this.purge(this.names.chunks(info.nuid));
      await this.purge(this.names.description(name));
    });
  }

  private async info(name: string): Promise<ObjectInfo | null> {
    const { stream, description } = this.names;
    const request = this.options.connection.manager.streams.getMessage(stream, { last_by_subj: description(name) });
    const message = await unless([ApiErrorCode.noMessageFound, ApiErrorCode.streamNotFound], request);
    return message && decodeInfo(message.data);
  }

  /** Half of the server's limit for a message, where that is low: the other half is enough for the headers. */
  private get chunkBytes(): number {
    return Math.min(CHUNK_BYTES, Math.floor(this.options.connection.maxPayload / 2));
  }

  /** Returns how many there are. */
  private async publishChunks(id: string, payload: Buffer): Promise<number> {
    const { connection } = this.options;
    const { chunkBytes } = this;
    const subject = this.names.chunks(id);
    const sent: Promise<unknown>[] = [];
    try {
      for (let start = 0; start < payload.length; start += chunkBytes) {
        await sent[sent.length - CHUNKS_IN_FLIGHT];
        // While disconnected, nats.js would keep the message and send it after the reconnect.
        connection.assertConnected();
        const stored = connection.jetstream.publish(subject, payload.subarray(start, start + chunkBytes));
        stored.catch(() => undefined);
        sent.push(stored);
      }
      await Promise.all(sent);
      return sent.length;
    } catch (error) {
      // Cleans up after the last chunk in flight, which would be stored after an earlier purge. The first error is thrown; a
      // failed purge leaves unused chunks. Once the description was sent, chunks stay: it may be stored without an answer.
      Promise.allSettled(sent)
        .then(() => this.purge(subject))
        .catch(() => undefined);
      throw error;
    }
  }

  /**
   * Publishes the description, which makes the object visible. Only that of a removed object rolls up, because it replaces
   * another one: a rollup purges, and a purge makes concurrent listings skip all older objects on nats-server 2.9.10.
   */
  private async describe(info: ObjectInfo): Promise<void> {
    const { name: bucket, chunkBytes } = this;
    const { connection } = this.options;
    connection.assertConnected();
    const content = encodeInfo(info, { bucket, chunkBytes });
    const options = info.deleted ? { headers: rollup() } : {};
    await connection.jetstream.publish(this.names.description(info.name), content, options);
  }

  private async readChunks({ nuid, size, chunks }: ObjectInfo): Promise<Buffer> {
    if (chunks === 0) return Buffer.alloc(0);
    return Buffer.concat(await this.collect(this.names.chunks(nuid), chunks), size);
  }

  private collect(subject: string, count?: number): Promise<readonly Uint8Array[]> {
    const { connection, silenceMs } = this.options;
    return collect({
      connection,
      stream: this.names.stream,
      subject,
      ...(count !== undefined && { count }),
      ...(silenceMs !== undefined && { silenceMs }),
    });
  }

  private async purge(subject: string): Promise<void> {
    await this.options.connection.manager.streams.purge(this.names.stream, { filter: subject });
  }

  /** Fails at once while disconnected: the request would be lost at the reconnect, and fail only by its timeout. */
  private async ask<T>(doing: string, request: () => Promise<T>): Promise<T> {
    this.options.connection.assertConnected();
    try {
      return await request();
    } catch (error) {
      throw castError(error, doing);
    }
  }
}

/** Asks the server to keep nothing older under the subject. */
function rollup(): MsgHdrs {
  const lines = headers();
  lines.set(JsHeaders.RollupHdr, JsHeaders.RollupValueSubject);
  return lines;
}

/** Null when the server refuses with one of `expected`. */
async function unless<T>(expected: readonly number[], request: Promise<T>): Promise<T | null> {
  try {
    return await request;
  } catch (error) {
    if (expected.includes(apiErrorCode(error) ?? 0)) return null;
    throw error;
  }
}

function corrupt(name: string): JournalCorruptError {
  return new JournalCorruptError({
    message: `Object ${name} of the object store does not match its digest.`,
    remedy: 'Take a new snapshot with `tidemark snapshot create`, and remove this one.',
  });
}
