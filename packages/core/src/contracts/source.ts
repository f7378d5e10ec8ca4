import type { Entry, KeyValue } from '../change.js';
import type { KeyRange } from '../key-range.js';

/** Who a source is and how far it has come, from one linearizable answer. */
export interface SourceIdentity {
  /** etcd's cluster id, as a decimal string (64 bits). Not enough alone: a restored cluster usually keeps it. */
  readonly clusterId: string;
  readonly revision: number;
  /** Raft term; it goes back when a cluster was restored from a backup. */
  readonly raftTerm: number;
}

/** The live keys of one range at exactly one revision, in key order, as pages. */
export interface PagedRead {
  readonly revision: number;
  /** Throws SourceCompactedError when compaction passes `revision` while reading. */
  readonly pages: AsyncIterable<readonly KeyValue[]>;
}

/** The cluster that is replicated, seen as history. */
export interface Source {
  identity(signal: AbortSignal): Promise<SourceIdentity>;

  /** The keys of `range` at `revision`, or at the newest revision when it is undefined. */
  read(range: KeyRange, revision: number | undefined, signal: AbortSignal): Promise<PagedRead>;

  /**
   * Every revision from `startRevision` on (inclusive), whole, in order, without a hole, for the full keyspace. Each
   * item holds what arrived together. Ends quietly when `signal` aborts.
   *
   * The first entry may be later than `startRevision` (compaction may have taken it); the caller checks the overlap.
   *
   * @throws SourceCompactedError when `startRevision` is compacted
   * @throws SourceGapError when revisions are not consecutive
   * @throws UnavailableError when the stream broke or fell silent: open it again
   */
  tail(startRevision: number, signal: AbortSignal): AsyncIterable<readonly Entry[]>;

  /** The revision up to which history is compacted, 0 when none is. Asked rarely: it costs the source a watcher. */
  compactedRevision(signal: AbortSignal): Promise<number>;

  close(): Promise<void>;
}
