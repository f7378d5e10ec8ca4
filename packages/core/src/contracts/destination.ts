import type { KeyValue } from '../model/change.js';
import type { KeyRange } from '../model/key-range.js';
import type { Position } from '../model/position.js';
import type { Write } from '../model/write.js';
import type { OriginKeeper } from './origin.js';

/**
 * What distinguishes checkpoints of one position. Whoever expects the one from before is refused from then on.
 */
export interface Fence {
  /**
   * The last off-journal write: what a resync or a repair wrote, which the journal does not hold. Milliseconds since the
   * epoch, or one more than before, so that it grows in any case. One that goes back shows that the write was lost.
   */
  readonly offJournal: number;
  /** How often a transaction in doubt was fenced off. */
  readonly fencedOff: number;
}

/** What a destination stores beside its data, in the same transaction. */
export interface Checkpoint {
  /** Identity of the journal the position belongs to. */
  readonly journal: string;
  readonly position: Position;
  /**
   * Fingerprint of the routes under which the content was written. Under other routes the journal alone cannot lead on:
   * a key that a route takes now may be missing, and one may be there that no route takes any more.
   */
  readonly filter: string;
  /** Set while a resync writes what differs from a snapshot; this very value guards each of its writes. */
  readonly resync: { readonly snapshot: string; readonly target: Position; readonly attempt: number } | null;
  /**
   * Set while the revision behind `position` is larger than one transaction: so many of its writes, in their order,
   * are done. A restart goes on there.
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
  /** The destination already stands at `next`: an earlier attempt, or a twin with the same content, got there. */
  | { readonly outcome: 'already' }
  /** The destination stands elsewhere: another worker moved it, or it was restored. Nothing was written. */
  | { readonly outcome: 'superseded'; readonly found: Checkpoint | null };

/** Bounds of one `apply`. */
export interface ApplyLimits {
  readonly maxWrites: number;
  /** Sum of key and value bytes and overhead. */
  readonly maxBytes: number;
}

/** Some keys of a destination, and the checkpoint, as they stood together at one moment. */
export interface DestinationReading {
  readonly checkpoint: Checkpoint | null;
  /** In the order of the keys that were asked for; null where a key is absent. */
  readonly values: readonly (Buffer | null)[];
}

/** Keys that somebody else wrote where only Tidemark should write. */
export interface ForeignWrite {
  readonly kind: 'put' | 'delete';
  readonly key: Buffer;
}

/** A destination as it stood at one moment, or, where it cannot be read like that, from one moment on. */
export interface DestinationView {
  readonly checkpoint: Checkpoint | null;
  /**
   * Whether the data is of the very state that `checkpoint` belongs to. Otherwise each key may be newer: what looks like a
   * difference is one only when `read` shows it.
   */
  readonly atOneState: boolean;
  /** The run of the server that is shown, where a later run may lack what this one acknowledged; null where none does. */
  readonly run: string | null;
  /** Live keys of a range in key order, as pages. */
  range(range: KeyRange, signal: AbortSignal): AsyncIterable<readonly Pick<KeyValue, 'key' | 'value'>[]>;
}

/** What is at a destination. Nothing here changes it. */
export interface DestinationReader {
  /** What is set at the destination otherwise than it should be, as last seen: sentences for the operator. */
  readonly deviations: readonly string[];
  /** @throws UnavailableError when the destination cannot be reached */
  checkpoint(signal: AbortSignal): Promise<Checkpoint | null>;
  /** Everything, for a comparison: see {@link DestinationView.atOneState}. */
  view(signal: AbortSignal): Promise<DestinationView>;
  /** A few keys together with the checkpoint: always of one and the same state. At most `limits.maxWrites` keys. */
  read(keys: readonly Buffer[], signal: AbortSignal): Promise<DestinationReading>;
  /** The number of live keys in a range. */
  count(range: KeyRange, signal: AbortSignal): Promise<number>;
  /**
   * Writes to the ranges that were not made by `apply`, by whichever client, from about now until `signal` aborts. Null
   * where the destination cannot say who wrote.
   * @throws UnavailableError when the destination cannot be watched any more: what happens until the next call is missed
   */
  foreignWrites(ranges: readonly KeyRange[], signal: AbortSignal): AsyncIterable<readonly ForeignWrite[]> | null;
}

/** The one way to change a destination's data and checkpoint. */
export interface DestinationWriter {
  /** How much goes together. May change when the destination turns out to take less: read it for each attempt. */
  readonly limits: ApplyLimits;
  /**
   * All or nothing, compared first. An unanswered attempt is sent again: the compare makes a repeat harmless.
   * @throws UnavailableError when the destination cannot be reached
   * @throws AmbiguousWriteError when no answer came: it may be carried out yet
   * @throws WrongTypeError when a key holds what only somebody else can have written
   */
  apply(request: ApplyRequest, signal: AbortSignal): Promise<ApplyResult>;
}

/** One destination, as it is opened. Whoever owns it writes through a `TrackedWriter`. */
export interface Destination extends DestinationReader, DestinationWriter {
  /** Absent for kinds that cannot be the source of a pipeline. */
  readonly origin?: OriginKeeper;
  close(): Promise<void>;
}
