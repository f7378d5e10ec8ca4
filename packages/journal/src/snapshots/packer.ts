import { randomBytes } from 'node:crypto';
import { InvariantError, type KeyValue, type SnapshotRef } from '@tidemark/core';
import { encodedBytes, SnapshotPartWriter } from '../format/snapshot-part.js';
import { type Content, hashed } from './bucket.js';
import type { Manifest, PartRef } from './manifest.js';

/**
 * Largest part, unless a single key is larger. A part is hashed and read as a whole: this bounds memory, and the time that
 * the event loop is blocked (about 10 ms).
 */
const MAX_PART_BYTES = 4 * 1024 * 1024;
/** The first part; each is twice as large as the one before. A small first part lets a reader begin sooner. */
const FIRST_PART_BYTES = 512 * 1024;

export interface Part {
  readonly ref: PartRef;
  readonly content: Content;
}

/** A part that is being filled. */
interface OpenPart {
  readonly writer: SnapshotPartWriter;
  readonly first: Buffer;
  keys: number;
}

/** Turns sorted pages into parts, and collects their entries for the manifest. */
export class SnapshotPacker {
  /** Begins with the position, and ends with random digits: one position may be stored twice. */
  readonly id: string;
  private readonly parts: PartRef[] = [];
  private open: OpenPart | null = null;
  private last: Buffer | null = null;
  private keys = 0;
  private bytes = 0;

  constructor(private readonly about: Pick<SnapshotRef, 'position' | 'rewind'>) {
    const { position } = about;
    this.id = `${position.generation}-${position.revision}-${randomBytes(4).toString('hex')}`;
  }

  /** Takes a page and returns the parts it fills. @throws InvariantError when keys are not in ascending order */
  *add(page: readonly KeyValue[]): Generator<Part> {
    for (const kv of page) {
      if (this.last !== null && Buffer.compare(this.last, kv.key) >= 0) {
        throw new InvariantError('The pages of a snapshot are not in key order.');
      }
      this.last = kv.key;
      const size = encodedBytes(kv);
      if (this.open?.writer.fits(size) === false) yield* this.end();
      this.open ??= openPart(kv.key, Math.max(partBytes(this.parts.length), size));
      this.open.writer.add(kv);
      this.open.keys++;
      this.keys++;
      this.bytes += kv.key.length + kv.value.length;
    }
  }

  /** The last part, if there is one. */
  *end(): Generator<Part> {
    if (this.open === null) return;
    const { writer, first, keys } = this.open;
    this.open = null;
    const content = hashed(writer.finish());
    const ref = { index: this.parts.length, first, keys, sha256: content.sha256 };
    this.parts.push(ref);
    yield { ref, content };
  }

  manifest(createdAt: number): Manifest {
    const { id, about, keys, bytes, parts } = this;
    return { ref: { id, position: about.position, keys, bytes, createdAt, rewind: about.rewind }, parts };
  }
}

function partBytes(index: number): number {
  return Math.min(FIRST_PART_BYTES * 2 ** index, MAX_PART_BYTES);
}

/** @param capacity bytes */
function openPart(key: Buffer, capacity: number): OpenPart {
  const writer = new SnapshotPartWriter(capacity);
  // Copied, because a view would keep its whole page in memory until the manifest is written.
  return { writer, first: Buffer.from(key), keys: 0 };
}
