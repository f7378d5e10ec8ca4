import { createHash } from 'node:crypto';
import type { Entry } from './change.js';

const DIGEST_BYTES = 16;

/**
 * Fingerprint of one revision's content: first 16 bytes of SHA-256 over kind, key and value of each change, with their
 * lengths. A leader compares it when it resumes by overlap: the source must deliver the same content for the last
 * journaled revision again, or it is not the history that was journaled.
 */
export function entryDigest(entry: Entry): Buffer {
  const hash = createHash('sha256');
  const header = Buffer.alloc(17);
  header.writeBigUInt64BE(BigInt(entry.revision), 0);
  hash.update(header.subarray(0, 8));
  for (const change of entry.changes) {
    const value = change.kind === 'put' ? change.value : null;
    header.writeUInt8(value === null ? 0 : 1, 0);
    header.writeBigUInt64BE(BigInt(change.key.length), 1);
    header.writeBigUInt64BE(BigInt(value?.length ?? 0), 9);
    hash.update(header).update(change.key);
    if (value !== null) hash.update(value);
  }
  return hash.digest().subarray(0, DIGEST_BYTES);
}
