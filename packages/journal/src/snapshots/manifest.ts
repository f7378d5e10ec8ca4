import { JournalCorruptError, type KeyRange, type Rewind, rangesOverlap, type SnapshotRef } from '@tidemark/core';
import type { Content } from './bucket.js';

/** One part object of a snapshot. It holds the keys from `first` to the `first` of the next part. */
export interface PartRef {
  readonly index: number;
  readonly first: Buffer;
  readonly keys: number;
  /** SHA-256 of the object, hexadecimal. */
  readonly sha256: string;
}

/** The object `<id>/manifest`: the snapshot's description, and its parts in key order. */
export interface Manifest {
  readonly ref: SnapshotRef;
  readonly parts: readonly PartRef[];
}

/** @throws JournalCorruptError when a part does not have the digest of the manifest */
export function verifyPart(id: string, part: PartRef, { payload, sha256 }: Content): Buffer {
  if (sha256 === part.sha256) return payload;
  throw corrupt(`Part ${part.index} of snapshot ${id} does not match its digest`);
}

export function partsWithin({ parts }: Manifest, range: KeyRange): PartRef[] {
  return parts.filter((part, at) => rangesOverlap({ start: part.first, end: parts[at + 1]?.first ?? null }, range));
}

export function encodeManifest({ ref, parts }: Manifest): Buffer {
  const listed = parts.map(({ first, keys, sha256 }) => ({ first: first.toString('base64'), keys, sha256 }));
  return Buffer.from(JSON.stringify({ ...ref, parts: listed }));
}

/** The shape of the JSON, before its fields are checked. */
interface ManifestJson {
  readonly id?: unknown;
  readonly position?: { readonly generation?: unknown; readonly revision?: unknown };
  readonly keys?: unknown;
  readonly bytes?: unknown;
  readonly createdAt?: unknown;
  readonly rewind?: { readonly generation?: unknown; readonly reason?: unknown; readonly evidence?: unknown } | null;
  readonly parts?: readonly { readonly first?: unknown; readonly keys?: unknown; readonly sha256?: unknown }[];
}

/** @throws JournalCorruptError */
export function decodeManifest(payload: Buffer): Manifest {
  try {
    const json: ManifestJson = JSON.parse(payload.toString('utf8'));
    const position = { generation: integer(json.position?.generation), revision: integer(json.position?.revision) };
    const sizes = { keys: integer(json.keys), bytes: integer(json.bytes), createdAt: integer(json.createdAt) };
    const parts = (json.parts ?? []).map((part, index) => ({
      index,
      first: Buffer.from(text(part.first), 'base64'),
      keys: integer(part.keys),
      sha256: text(part.sha256),
    }));
    return { ref: { id: text(json.id), position, ...sizes, rewind: rewind(json.rewind) }, parts };
  } catch (error) {
    throw corrupt('The manifest of a snapshot cannot be read', error);
  }
}

function rewind(json: ManifestJson['rewind']): Rewind | null {
  if (json === null || json === undefined) return null;
  return { generation: integer(json.generation), reason: rewindReason(json.reason), evidence: text(json.evidence) };
}

function rewindReason(value: unknown): Rewind['reason'] {
  if (value === 'rewound' || value === 'foreign_source') return value;
  throw new TypeError('the reason of a rewind is missing');
}

function integer(value: unknown): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw new TypeError('a number is missing');
}

function text(value: unknown): string {
  if (typeof value === 'string') return value;
  throw new TypeError('a text is missing');
}

function corrupt(message: string, cause?: unknown): JournalCorruptError {
  return new JournalCorruptError({
    message: `${message}.`,
    remedy: 'Take a new snapshot with `tidemark snapshot create`, and remove this one.',
    cause,
  });
}
