import { type Checkpoint, InvariantError } from '@tidemark/core';
import { decodeCheckpoint } from '../checkpoint/codec.js';

/** Replies of Redis, as far as they are what was asked for. */

export function asArray(reply: unknown): readonly unknown[] {
  if (Array.isArray(reply)) return reply;
  throw new InvariantError('Redis answered with something other than an array');
}

/** Null where the key is absent. */
export function asValue(reply: unknown): Buffer | null {
  return Buffer.isBuffer(reply) ? reply : null;
}

/** @throws CheckpointUnreadableError */
export function asCheckpoint(reply: unknown): Checkpoint | null {
  const value = asValue(reply);
  return value === null ? null : decodeCheckpoint(value);
}
