import { type Checkpoint, type Position, TidemarkError } from '@tidemark/core';
import * as z from 'zod';

/** A checkpoint that cannot be read was not written by us; overwriting it could destroy somebody's data. */
class CheckpointUnreadableError extends TidemarkError {
  readonly code = 'CHECKPOINT_UNREADABLE';
}

const count = z.int().min(0);
const position = z.strictObject({ generation: count, revision: count });
const schema = z.strictObject({
  journal: z.string(),
  position,
  filter: z.string(),
  resync: z.strictObject({ snapshot: z.string(), target: position, attempt: count }).nullable(),
  partial: z.strictObject({ revision: count, writes: count }).nullable(),
  fence: z.strictObject({ offJournal: count, fencedOff: count }).optional(),
});

/**
 * JSON, so that `etcdctl get` and `redis-cli get` show an operator the destination's position. The fields have a fixed order: the
 * transaction compares the whole value, so equal checkpoints must be equal bytes. A fence that is null has no field.
 */
export function encodeCheckpoint({ journal, position: at, filter, resync, partial, fence }: Checkpoint): Buffer {
  return Buffer.from(
    JSON.stringify({
      journal,
      position: orderedPosition(at),
      filter,
      resync: resync && { snapshot: resync.snapshot, target: orderedPosition(resync.target), attempt: resync.attempt },
      partial: partial && { revision: partial.revision, writes: partial.writes },
      ...(fence && { fence: { offJournal: fence.offJournal, fencedOff: fence.fencedOff } }),
    }),
  );
}

/** @throws CheckpointUnreadableError */
export function decodeCheckpoint(value: Buffer): Checkpoint {
  try {
    const { fence = null, ...others } = schema.parse(JSON.parse(value.toString('utf8')));
    return { ...others, fence };
  } catch (cause) {
    throw new CheckpointUnreadableError({
      message: 'The key where the checkpoint belongs holds something else.',
      remedy:
        'Set checkpointPrefix (etcd) or keyPrefix (Redis) to a prefix nobody else uses, or delete the key: the destination then begins with a resync.',
      cause,
    });
  }
}

function orderedPosition({ generation, revision }: Position): Position {
  return { generation, revision };
}
