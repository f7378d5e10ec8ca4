import { JournalCorruptError } from '@tidemark/core';
import { headers, JsHeaders, type MsgHdrs, nuid } from 'nats';
import { type Bucket, type BucketObject, type Content, hashed } from '../snapshots/bucket.js';
import { collect } from './collect.js';
import { ApiErrorCode, apiErrorCode, castError } from './errors.js';
import type { Link } from './link.js';
import { bucketStream, decodeInfo, encodeInfo, type ObjectInfo, objectNames } from './object-layout.js';
import { journalNames } from './stream-config.js';

export interface ObjectBucketOptions {
  readonly link: Link;
  readonly pipeline: string;
  readonly replicas: number;
  /** How long the server may be silent in the middle of an object, in milliseconds. */
  readonly silenceMs?: number;
}

const CHUNK_BYTES = 512 * 1024;
/** Chunks on the way at once, for one object. The server says of each that it is stored. */
const CHUNKS_IN_FLIGHT = 4;

/**
 * A bucket of the JetStream object store, see object-layout.ts. The nats command and other clients read what is written
 * here, and the other way round. nats.js's own client is not used because it hashes in JavaScript, which took a fifth
 * of a base sync, and because it waits for ever for an object whose chunks are gone.
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
    const { link, pipeline, replicas } = this.options;
    const { streams } = link.manager;
    await this.ask(`open object store ${this.name}`, async () => {
      const existing = await unless([ApiErrorCode.streamNotFound], streams.info(this.names.stream));
      if (existing !== null) return;
      const config = bucketStream(this.name, { description: `Snapshots of Tidemark journal ${pipeline}`, replicas });
      // In use: another node created it between the two requests.
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
   * In the order of other clients, so that none of them ever finds a description whose chunks are gone; then the
   * description too, which they leave as a mark: `list` would read those marks for ever.
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
    const request = this.options.link.manager.streams.getMessage(stream, { last_by_subj: description(name) });
    const message = await unless([ApiErrorCode.noMessageFound, ApiErrorCode.streamNotFound], request);
    return message && decodeInfo(message.data);
  }

  /** The server's limit may be low: half of what a message may hold leaves room for the headers. */
  private get chunkBytes(): number {
    return Math.min(CHUNK_BYTES, Math.floor(this.options.link.maxPayload / 2));
  }

  /** Returns how many there are. */
  private async publishChunks(id: string, payload: Buffer): Promise<number> {
    const { link } = this.options;
    const { chunkBytes } = this;
    const subject = this.names.chunks(id);
    const sent: Promise<unknown>[] = [];
    try {
      for (let start = 0; start < payload.length; start += chunkBytes) {
        await sent[sent.length - CHUNKS_IN_FLIGHT];
        // nats.js would keep the message, and send it whenever it is connected again.
        link.assertConnected();
        const stored = link.jetstream.publish(subject, payload.subarray(start, start + chunkBytes));
        stored.catch(() => undefined);
        sent.push(stored);
      }
      await Promise.all(sent);
      return sent.length;
    } catch (error) {
      // Only tidiness, and its failure says no more than the first one; behind the chunks that are still on their way, one
      // of which would be stored after it. Never once the description was sent: it may be stored although no answer came.
      Promise.allSettled(sent)
        .then(() => this.purge(subject))
        .catch(() => undefined);
      throw error;
    }
  }

  /**
   * Makes the object what `info` says, at once. The description of a new one takes the place of none: asked to roll up, the
   * server would purge, and with that nats-server 2.9.10 makes whoever lists at the moment skip all that is older.
   */
  private async describe(info: ObjectInfo): Promise<void> {
    const { name: bucket, chunkBytes } = this;
    const { link } = this.options;
    link.assertConnected();
    const content = encodeInfo(info, { bucket, chunkBytes });
    const options = info.deleted ? { headers: rollup() } : {};
    await link.jetstream.publish(this.names.description(info.name), content, options);
  }

  private async readChunks({ nuid, size, chunks }: ObjectInfo): Promise<Buffer> {
    if (chunks === 0) return Buffer.alloc(0);
    return Buffer.concat(await this.collect(this.names.chunks(nuid), chunks), size);
  }

  private collect(subject: string, count?: number): Promise<readonly Uint8Array[]> {
    const { link, silenceMs } = this.options;
    return collect({
      link,
      stream: this.names.stream,
      subject,
      ...(count !== undefined && { count }),
      ...(silenceMs !== undefined && { silenceMs }),
    });
  }

  private async purge(subject: string): Promise<void> {
    await this.options.link.manager.streams.purge(this.names.stream, { filter: subject });
  }

  /** A request that is made while disconnected would be lost with the next dial, and only its timeout would tell. */
  private async ask<T>(doing: string, request: () => Promise<T>): Promise<T> {
    this.options.link.assertConnected();
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
