/** No lease: the value etcd uses, and by far the most common one, so it is shared. */
export const NO_LEASE = 0n;

/** A key's live content, field for field as etcd's mvccpb.KeyValue. Keys and values are arbitrary bytes. */
export interface KeyValue {
  readonly key: Buffer;
  readonly value: Buffer;
  readonly createRevision: number;
  readonly modRevision: number;
  /** Number of puts since the key was last created, starting at 1. */
  readonly version: number;
  /** Lease id at the source; {@link NO_LEASE} when there is none. Never written to a destination (etcd refuses leases it does not know). */
  readonly lease: bigint;
}

export interface Put {
  readonly kind: 'put';
  readonly key: Buffer;
  readonly value: Buffer;
  readonly createRevision: number;
  readonly version: number;
  readonly lease: bigint;
}

/** etcd's delete events carry the key alone: a previous value is best effort on the server, so we never ask for it. */
export interface Delete {
  readonly kind: 'delete';
  readonly key: Buffer;
}

export type Change = Put | Delete;

/** All changes of one source revision: the unit that becomes visible at once. `changes` is in etcd's order and may be of any length. */
export interface Entry {
  readonly revision: number;
  readonly changes: readonly Change[];
}

/** Bookkeeping bytes per change that a limit has to count besides key and value. */
const CHANGE_OVERHEAD_BYTES = 32;

/** Bytes a change occupies, near enough for limits on queues and batches. */
export function changeBytes(change: Change): number {
  const value = change.kind === 'put' ? change.value.length : 0;
  return CHANGE_OVERHEAD_BYTES + change.key.length + value;
}

/** Bytes an entry occupies, near enough for limits on queues and batches. */
export function entryBytes(entry: Entry): number {
  let bytes = CHANGE_OVERHEAD_BYTES;
  for (const change of entry.changes) bytes += changeBytes(change);
  return bytes;
}
