import type { KeyValue } from '../model/change.js';
import type { KeyRange } from '../model/key-range.js';
import type { Position } from '../model/position.js';
import type { Write } from '../model/write.js';
import type { OriginKeeper } from './origin.js';

/**
 * Distinguishes checkpoints of one position. A transaction that expects an earlier fence is refused.
 */
export interface Fence {
  /**
   * Number of the last off-journal write: content of a resync or a repair, which the journal does not hold. Milliseconds
   * since the epoch, or one more than before, so that it always grows. A smaller number shows that the write was lost.
   */
  readonly offJournal: number;
  /** How often a transaction in doubt was fenced off. */
  readonly fencedOff: number;
}

/** The record of progress that a destination stores beside its data, in the same transaction. */
export interface Checkpoint {
  /** Identity of the journal the position belongs to. */
  readonly journal: string;
  readonly position: Position;
  /**
   * Fingerprint of the routes under which the content was written. After a change of routes the journal alone is not
   * enough: keys of a new route are missing, and keys of an old route are left over.
   */
  readonly filter: string;
  /** Set while a resync writes what differs from a snapshot. It is the guard of each of these writes. */
  readonly resync: { readonly snapshot: string; readonly target: Position; readonly attempt: number } | null;
  /**
   * Set while the revision after `position` is being written in several transactions: the number of its writes, in their
   * order, that are done. A restart continues there.
   */
  readonly partial: { readonly revision: number; readonly writes: number } | null;
  /** Null before the first resync has begun. */
  readonly fence: Fence | null;
}

export interface ApplyRequest {
  /** At most one write per key. */
  readonly writes: readonly Write[];
  /** What the destination's checkpoint must be for anything to happen; null when it must have none. */
  readonly expected: Checkpoint | null;
  /** The checkpoint that becomes visible together with the writes. May equal `expected`. */
  readonly next: Checkpoint;
  /** Of the view that a resync was planned by, where `next` begins one: see {@link DestinationView.run}. */
  readonly viewedRun?: string | null;
}

export type ApplyResult =
  | { readonly outcome: 'applied' }
  /** The checkpoint is already `next`: an earlier attempt, or another worker with the same content, wrote it. */
  | { readonly outcome: 'already' }
  /** The checkpoint is another one: another worker moved it, or the destination was restored. Nothing was written. */
  | { readonly outcome: 'superseded'; readonly found: Checkpoint | null };

/** Bounds of one `apply`. */
export interface ApplyLimits {
  readonly maxWrites: number;
  /** Sum of key and value bytes and overhead. */
  readonly maxBytes: number;
}

/** Some keys of a destination and its checkpoint, read together at one point in time. */
export interface DestinationReading {
  readonly checkpoint: Checkpoint | null;
  /** In the order of the keys that were asked for; null where a key is absent. */
  readonly values: readonly (Buffer | null)[];
}

/** A write by somebody else to a key that only Tidemark should write. */
export interface ForeignWrite {
  readonly kind: 'put' | 'delete';
  readonly key: Buffer;
}

/** The content of a destination at one point in time, or, where it cannot be read like that, since one. */
export interface DestinationView {
  readonly checkpoint: Checkpoint | null;
  /**
   * Whether the data belongs to exactly the state of `checkpoint`. Otherwise each key may be newer, and a difference
   * counts only when `read` confirms it.
   */
  readonly atOneState: boolean;
  /** The run of the server that is shown, where a later run may lack what this one acknowledged; null where none does. */
  readonly run: string | null;
  /**
   * Live keys of a range in key order, as pages.
   * @throws UnavailableError when the rest cannot be read any more, as after a failover
   * @throws AccessDeniedError
   */
  range(range: KeyRange, signal: AbortSignal): AsyncIterable<readonly Pick<KeyValue, 'key' | 'value'>[]>;
}

/**
 * Reads a destination, and never changes it. Whatever asks the destination throws UnavailableError when it cannot be
 * reached, and AccessDeniedError when it refuses our identity or a file of it cannot be read. What reads the checkpoint
 * throws an error with the code `CHECKPOINT_UNREADABLE` when something else stands in its place.
 */
export interface DestinationReader {
  /** Settings of the destination that are not as they should be, as last seen: sentences for the operator. */
  readonly deviations: readonly string[];
  /**
   * Null when there is none.
   * @throws UnavailableError
   * @throws AccessDeniedError
   * @throws TidemarkError with the code `CHECKPOINT_UNREADABLE`
   */
  checkpoint(signal: AbortSignal): Promise<Checkpoint | null>;
  /**
   * Everything, for a comparison: see {@link DestinationView.atOneState}.
   * @throws UnavailableError
   * @throws AccessDeniedError
   * @throws TidemarkError with the code `CHECKPOINT_UNREADABLE`
   */
  view(signal: AbortSignal): Promise<DestinationView>;
  /**
   * A few keys together with the checkpoint: always of one and the same state. At most `limits.maxWrites` keys.
   * @throws UnavailableError
   * @throws AccessDeniedError
   * @throws TidemarkError with the code `CHECKPOINT_UNREADABLE`
   */
  read(keys: readonly Buffer[], signal: AbortSignal): Promise<DestinationReading>;
  /**
   * The number of live keys in a range.
   * @throws UnavailableError
   * @throws AccessDeniedError
   */
  count(range: KeyRange, signal: AbortSignal): Promise<number>;
  /**
   * Writes to the ranges that any client made without `apply`, from about now until `signal` aborts. Null where the
   * destination cannot say who wrote.
   * @throws UnavailableError when the watch broke: writes until the next call are missed
   */
  foreignWrites(ranges: readonly KeyRange[], signal: AbortSignal): AsyncIterable<readonly ForeignWrite[]> | null;
}

/** The one way to change a destination's data and checkpoint. */
export interface DestinationWriter {
  /** Bounds of one `apply`. They shrink when the destination turns out to accept less: read them for each attempt. */
  readonly limits: ApplyLimits;
  /**
   * All or nothing: the checkpoint is compared first. An attempt without an answer is sent again; the compare makes the
   * repeat harmless.
   *
   * AmbiguousWriteError, InvariantError, and whatever is no TidemarkError leave the write in doubt: it may be carried out
   * later. After any other error it was not carried out, and never will be.
   * @throws AmbiguousWriteError when no answer came
   * @throws UnavailableError when it was not sent, or is refused for now
   * @throws AccessDeniedError when the destination refuses our identity or the rights do not suffice
   * @throws DestinationFullError when the destination has no space left
   * @throws RequestTooLargeError when a single write is larger than the destination accepts
   * @throws TidemarkError that is not `permanent` when the writes together are larger than that; `limits` is smaller now
   * @throws WrongTypeError when a key holds a type of value that only somebody else can have written
   * @throws TidemarkError with the code `CHECKPOINT_UNREADABLE`
   */
  apply(request: ApplyRequest, signal: AbortSignal): Promise<ApplyResult>;
}

/** One destination, as it is opened. Whoever owns it writes through a `TrackedWriter`. */
export interface Destination extends DestinationReader, DestinationWriter {
  /** Absent for kinds that cannot be the source of a pipeline. */
  readonly origin?: OriginKeeper;
  close(): Promise<void>;
}
