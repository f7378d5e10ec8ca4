import { hash } from 'node:crypto';
import type { Change, Entry } from './change.js';

const DIGEST_BYTES = 16;
const REVISION_BYTES = 8;
/** Kind, and the lengths of key and value. */
const CHANGE_HEADER_BYTES = 17;

/**
 * Fingerprint of one revision's content: first 16 bytes of SHA-256 over kind, key and value of each change, with their
 * lengths. A leader compares it when it resumes by overlap: the source has to deliver the same content for the last
 * journaled revision again. Other content is another history.
 */
export function entryDigest(entry: Entry): Buffer {
  let length = REVISION_BYTES;
  for (const change of entry.changes) length += CHANGE_HEADER_BYTES + change.key.length + valueBytes(change).length;
  // Hashed in one piece: a call into the hash costs more than the bytes of a small change, and most entries are one.
  const content = Buffer.allocUnsafe(length);
  let at = content.writeBigUInt64BE(BigInt(entry.revision), 0);
  for (const change of entry.changes) {
    const value = valueBytes(change);
    at = content.writeUInt8(change.kind === 'put' ? 1 : 0, at);
    at = content.writeBigUInt64BE(BigInt(change.key.length), at);
    at = content.writeBigUInt64BE(BigInt(value.length), at);
    content.set(change.key, at);
    content.set(value, at + change.key.length);
    at += change.key.length + value.length;
  }
  return hash('sha256', content, 'buffer').subarray(0, DIGEST_BYTES);
}

const NOTHING = Buffer.alloc(0);

function valueBytes(change: Change): Buffer {
  return change.kind === 'put' ? change.value : NOTHING;
}
