import type { Entry, KeyValue } from '../model/change.js';
import type { SourceIdentity } from '../model/history.js';
import type { KeyRange } from '../model/key-range.js';

/** The live keys of one range at exactly one revision, in key order, as pages. */
export interface PagedRead {
  readonly revision: number;
  /** Throws SourceCompactedError when compaction passes `revision` while reading. */
  readonly pages: AsyncIterable<readonly KeyValue[]>;
}

/** The content of the source, without its history. */
export interface SourceReader {
  /**
   * The keys of `range` at `revision`, or at the newest revision when it is undefined.
   * @throws SourceCompactedError when `revision` is compacted
   */
  read(range: KeyRange, revision: number | undefined, signal: AbortSignal): Promise<PagedRead>;
}

/** The cluster that is replicated, seen as history. */
export interface Source extends SourceReader {
  identity(signal: AbortSignal): Promise<SourceIdentity>;

  /**
   * Every revision from `startRevision` on (inclusive), whole, in order, without a hole, for the full keyspace. Each
   * item holds what arrived together. Ends quietly when `signal` aborts.
   *
   * The first entry may be later than `startRevision`, when compaction removed that one; the caller checks the overlap.
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
