import type { KeyValue } from '../change.js';
import type { KeyRange } from '../key-range.js';
import type { Position } from '../position.js';

/** What a destination stores beside its data, in the same transaction. */
export interface Checkpoint {
  /** Identity of the journal the position belongs to. */
  readonly journal: string;
  readonly position: Position;
  /** Set while a difference against a snapshot is being written; every write of it is guarded by this very value. */
  readonly resync: { readonly snapshot: string; readonly target: Position; readonly attempt: number } | null;
}

/** A change as it is written to a destination: keys already mapped by the routes. */
export type Write =
  | { readonly kind: 'put'; readonly key: Buffer; readonly value: Buffer }
  | { readonly kind: 'delete'; readonly key: Buffer };

export interface ApplyRequest {
  /** At most one write per key. */
  readonly writes: readonly Write[];
  /** What the destination's checkpoint must be for anything to happen; null when it must have none. */
  readonly expected: Checkpoint | null;
  /** The checkpoint that becomes visible together with the writes. May equal `expected`. */
  readonly next: Checkpoint;
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

export interface Destination {
  readonly limits: ApplyLimits;
  checkpoint(signal: AbortSignal): Promise<Checkpoint | null>;
  /**
   * All or nothing, compared first. An unanswered attempt is sent again: the compare makes a repeat harmless.
   * @throws UnavailableError when the destination cannot be reached
   */
  apply(request: ApplyRequest, signal: AbortSignal): Promise<ApplyResult>;
  /** Live keys of a range in key order, as pages, all at one state of the destination. */
  range(range: KeyRange, signal: AbortSignal): AsyncIterable<readonly Pick<KeyValue, 'key' | 'value'>[]>;
  close(): Promise<void>;
}
