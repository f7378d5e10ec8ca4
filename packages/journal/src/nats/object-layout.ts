import { JournalCorruptError } from '@tidemark/core';
import { DiscardPolicy, StorageType, type StreamConfig } from 'nats';

/**
 * The layout of the JetStream object store in every NATS client (nats-architecture-and-design, ADR-20): a stream
 * `OBJ_<bucket>` holds an object's chunks under one subject and its description under another. A new description replaces
 * the old one.
 */
export function objectNames(bucket: string) {
  return {
    stream: `OBJ_${bucket}`,
    chunks: (nuid: string) => `$O.${bucket}.C.${nuid}`,
    description: (name: string) => `$O.${bucket}.M.${paddedBase64Url(Buffer.from(name))}`,
    descriptions: `$O.${bucket}.M.>`,
  };
}

/** The stream as nats.js and the nats command create it. */
export function bucketStream(bucket: string, options: { description: string; replicas: number }) {
  return {
    name: objectNames(bucket).stream,
    description: options.description,
    subjects: [`$O.${bucket}.C.>`, `$O.${bucket}.M.>`],
    storage: StorageType.File,
    num_replicas: options.replicas,
    discard: DiscardPolicy.New,
    allow_direct: true,
    allow_rollup_hdrs: true,
  } satisfies Partial<StreamConfig>;
}

/** An object's description: the fields that we read. */
export interface ObjectInfo {
  readonly name: string;
  /** Names the chunks. */
  readonly nuid: string;
  /** Of all chunks together, in bytes. */
  readonly size: number;
  readonly chunks: number;
  /** SHA-256, hexadecimal; empty when the object is deleted. */
  readonly sha256: string;
  /** Milliseconds since the epoch. */
  readonly modifiedAt: number;
  readonly deleted: boolean;
}

const DIGEST_PREFIX = 'SHA-256=';

export function encodeInfo(info: ObjectInfo, store: { bucket: string; chunkBytes: number }): Buffer {
  const { name, nuid, size, chunks, sha256, modifiedAt, deleted } = info;
  return Buffer.from(
    JSON.stringify({
      name,
      description: '',
      options: { max_chunk_size: store.chunkBytes },
      bucket: store.bucket,
      nuid,
      size,
      chunks,
      mtime: new Date(modifiedAt).toISOString(),
      digest: deleted ? '' : DIGEST_PREFIX + paddedBase64Url(Buffer.from(sha256, 'hex')),
      deleted,
    }),
  );
}

/** @throws JournalCorruptError when something is missing, or the object is a link */
export function decodeInfo(data: Uint8Array): ObjectInfo {
  try {
    const json: Readonly<Record<string, unknown>> = JSON.parse(Buffer.from(data).toString('utf8'));
    const digest = text(json['digest']);
    return {
      name: text(json['name']),
      nuid: text(json['nuid']),
      size: count(json['size']),
      chunks: count(json['chunks']),
      sha256: Buffer.from(digest.slice(DIGEST_PREFIX.length), 'base64url').toString('hex'),
      modifiedAt: Date.parse(text(json['mtime'])),
      deleted: json['deleted'] === true,
    };
  } catch (error) {
    throw new JournalCorruptError({
      message: 'The description of an object in the object store cannot be read.',
      remedy: 'Take a new snapshot with `tidemark snapshot create`, and remove what others stored in the bucket.',
      cause: error,
    });
  }
}

function paddedBase64Url(bytes: Buffer): string {
  return bytes.toString('base64').replaceAll('+', '-').replaceAll('/', '_');
}

function text(value: unknown): string {
  if (typeof value === 'string') return value;
  throw new TypeError('a text is missing');
}

function count(value: unknown): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw new TypeError('a number is missing');
}
