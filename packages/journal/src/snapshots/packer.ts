import { randomBytes } from 'node:crypto';
import { InvariantError, type KeyValue, type SnapshotRef } from '@tidemark/core';
import { encodeSnapshotPart } from '../format/snapshot-part.js';
import { type Manifest, type PartRef, sha256 } from './manifest.js';

/**
 * Size of a part, before encoding. A part is encoded, hashed and read as a whole: this bounds memory and the time the
 * process does nothing else (about 10 ms).
 */
const PART_BYTES = 4 * 1024 * 1024;
/** Revisions, version and lengths of a key, encoded. */
const KEY_OVERHEAD_BYTES = 24;

export interface Part {
  readonly ref: PartRef;
  readonly payload: Buffer;
}

/** Turns sorted pages into parts, and remembers what the manifest has to say about them. */
export class SnapshotPacker {
  /** Sorts by position, and is unique when the same position is stored twice. */
  readonly id: string;
  private readonly parts: PartRef[] = [];
  private pending: KeyValue[] = [];
  private pendingBytes = 0;
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
      this.pending.push(kv);
      this.pendingBytes += kv.key.length + kv.value.length + KEY_OVERHEAD_BYTES;
      this.keys++;
      this.bytes += kv.key.length + kv.value.length;
      if (this.pendingBytes >= PART_BYTES) yield this.cut();
    }
  }

  /** The last part, if anything is left. */
  *end(): Generator<Part> {
    if (this.pending.length > 0) yield this.cut();
  }

  manifest(createdAt: number): Manifest {
    const { id, about, keys, bytes, parts } = this;
    return { ref: { id, position: about.position, keys, bytes, createdAt, rewind: about.rewind }, parts };
  }

  private cut(): Part {
    const kvs = this.pending;
    this.pending = [];
    this.pendingBytes = 0;
    const payload = encodeSnapshotPart(kvs);
    const first = kvs[0]?.key ?? Buffer.alloc(0);
    const ref = { index: this.parts.length, first, keys: kvs.length, sha256: sha256(payload) };
    this.parts.push(ref);
    return { ref, payload };
  }
}
