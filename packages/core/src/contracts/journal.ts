import type { Entry, KeyValue } from '../model/change.js';
import type { Anchor } from '../model/history.js';
import type { KeyRange } from '../model/key-range.js';
import type { Position } from '../model/position.js';
import type { ResetReason } from '../model/reset-reason.js';

/** The source lost history that was journaled: it was restored from a backup, or replaced by another cluster. */
export interface Rewind {
  /** The generation that began with it. */
  readonly generation: number;
  readonly reason: Extract<ResetReason, 'rewound' | 'foreign_source'>;
  /** What was seen, for the operator; no keys' values. */
  readonly evidence: string;
}

/** A complete copy of the source at one position, kept beside the journal. */
export interface SnapshotRef {
  readonly id: string;
  readonly position: Position;
  readonly keys: number;
  /** Key and value bytes, before any encoding. */
  readonly bytes: number;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  /**
   * The last rewind before `position`, null when there was none. A destination whose checkpoint is older follows only
   * after approval. Kept with the snapshot, because the reset record may have aged out of the journal.
   */
  readonly rewind: Rewind | null;
}

/** Common to all records. A record moves the journal from `previous` to `revision`, both in `generation`. */
interface RecordBase {
  readonly generation: number;
  /** The fencing token of the leader that wrote it. Never goes back along the journal. */
  readonly term: number;
  /** Revision of the record before: the chain. Equal to `revision` in records that do not move the position. */
  readonly previous: number;
  readonly revision: number;
  /** Milliseconds since the epoch, by the leader's clock. */
  readonly time: number;
  /** Of the record that last moved the position: this one, or an earlier one. */
  readonly anchor: Anchor;
}

/** A new leader took over. Every append of an older leader fails from here on. */
export interface TermRecord extends RecordBase {
  readonly kind: 'term';
  readonly node: string;
}

/** Consecutive entries: `previous + 1` to `revision`. */
export interface BatchRecord extends RecordBase {
  readonly kind: 'batch';
  /**
   * Set when the leader read the entries from history, so that nobody knows when they happened: after this and before
   * `time`, in milliseconds since the epoch. Null when they were journaled as they happened.
   */
  readonly notBefore: number | null;
  readonly entries: readonly Entry[];
}

/** Nothing happened; keeps a quiet journal from ageing empty. */
export interface ProgressRecord extends RecordBase {
  readonly kind: 'progress';
}

/** A new generation starts at `revision`, whose content is `snapshot`. `previous` equals `revision`. */
export interface ResetRecord extends RecordBase {
  readonly kind: 'reset';
  readonly reason: ResetReason;
  /** What was seen, for the operator; no keys' values. */
  readonly evidence: string;
  readonly snapshot: SnapshotRef;
}

/** A snapshot at an earlier position of this generation is available. */
export interface SnapshotRecord extends RecordBase {
  readonly kind: 'snapshot';
  readonly snapshot: SnapshotRef;
}

export type JournalRecord = TermRecord | BatchRecord | ProgressRecord | ResetRecord | SnapshotRecord;

type WriterFields = 'term' | 'previous' | 'time';
/** Distributes Omit over a union, so that each kind keeps its own fields. */
type WithoutChain<R> = R extends JournalRecord ? Omit<R, WriterFields | 'anchor'> : never;
/** Records that move the position, and so set the anchor. */
type MovingRecord = BatchRecord | ResetRecord;
type WithAnchor<R> = R extends BatchRecord
  ? Omit<R, WriterFields | 'notBefore'> & Partial<Pick<R, 'notBefore'>>
  : R extends MovingRecord
    ? Omit<R, WriterFields>
    : never;
/** What a leader supplies; the writer adds term, chain, time, and the anchor where the position does not move. */
export type RecordDraft = WithoutChain<Exclude<JournalRecord, MovingRecord>> | WithAnchor<MovingRecord>;

/** The journal's end, read from the stream's leader. The only place a leader takes its position from. */
export interface JournalHead {
  /** Stream sequence of the last message, 0 when nothing was ever written. */
  readonly sequence: number;
  /** Null when the journal is empty: the first record must be a reset. */
  readonly last: {
    readonly position: Position;
    readonly term: number;
    readonly anchor: Anchor;
    readonly time: number;
  } | null;
}

/**
 * Appends at the end and nowhere else: an append is refused unless it is stored directly after the one before. After the
 * first failure every later append fails too, and the leader takes the journal over again from its head.
 */
export interface JournalWriter {
  /** The position that the journal has reached once every append so far has succeeded. */
  readonly position: Position | null;
  /** Largest useful sum of entryBytes for one batch record, in bytes. */
  readonly batchBytes: number;
  /**
   * Resolves when the record is stored. Appends may overlap; they are stored in call order.
   * @throws FencedError when another writer was there first
   * @throws AmbiguousWriteError when no answer came: it may be stored or not
   */
  append(record: RecordDraft): Promise<void>;
}

export interface JournalInfo {
  /** Identity of the journal. A stream that is deleted and created again has another one. */
  readonly id: string;
  readonly firstSequence: number;
  readonly lastSequence: number;
  readonly bytes: number;
  /** Position and time of the first record that is kept, null when empty. */
  readonly first: { readonly position: Position; readonly previous: number; readonly time: number } | null;
  readonly last: { readonly position: Position; readonly term: number; readonly time: number } | null;
  /** Settings that differ from what the configuration asks for, as sentences. */
  readonly deviations: readonly string[];
}

/** A record as it is stored in the journal. */
export interface StoredRecord {
  readonly sequence: number;
  /** Bytes it occupies in the journal. */
  readonly bytes: number;
  readonly record: JournalRecord;
}

/** Where reading starts: after a position, or at the oldest record that is kept. */
export type ReadFrom =
  | {
      readonly after: Position;
      /** Likely sequence of the record that ends there: the search begins with it. A wrong one only costs time. */
      readonly near?: number;
    }
  | 'oldest';

/** A journal, for those who follow it. */
export interface JournalReader {
  /** Creates the journal's storage, or compares it with what is configured. Idempotent. */
  open(signal: AbortSignal): Promise<void>;
  info(signal: AbortSignal): Promise<JournalInfo>;

  /**
   * Records after a position, each checked against the one before (the chain), waiting for more at the end. Parts of
   * a record that its leader did not finish are dropped. A position ahead of the journal's end is legal (the journal
   * may have lost a suffix that a destination already has): records up to it are handed out for the caller to skip.
   * Ends quietly when `signal` aborts.
   *
   * The first record handed out is the one that contains or follows `after`.
   * @throws JournalPositionLostError when the journal no longer reaches back to the position
   * @throws JournalChainBrokenError when a record does not follow the one before
   */
  read(from: ReadFrom, signal: AbortSignal): AsyncIterable<StoredRecord>;

  readonly snapshots: SnapshotReader;
}

/** A journal, for its leader: reading, and becoming the one writer. */
export interface JournalStore extends JournalReader {
  head(signal: AbortSignal): Promise<JournalHead>;

  /**
   * Becomes the one writer: appends after `head`, under `term`. When the journal is not empty a term record is
   * appended first, so that an older leader's appends are refused from there on.
   * @throws FencedError when the journal has moved since `head` was read, or holds a later term
   */
  takeOver(head: JournalHead, term: number, node: string, signal: AbortSignal): Promise<JournalWriter>;

  readonly snapshots: SnapshotStore;
}

/** A journal as it is opened. */
export interface Journal extends JournalStore {
  close(): Promise<void>;
}

export interface SnapshotReader {
  /** The keys of `range`, sorted, digest-checked. @throws SnapshotMissingError */
  open(id: string, range: KeyRange, signal: AbortSignal): AsyncIterable<readonly KeyValue[]>;
  /** Complete snapshots, oldest first. */
  list(signal: AbortSignal): Promise<readonly SnapshotRef[]>;
}

export interface SnapshotStore extends SnapshotReader {
  /** Stores sorted pages under a new id; visible to `list` and `open` only when complete. */
  put(
    about: Pick<SnapshotRef, 'position' | 'rewind'>,
    pages: AsyncIterable<readonly KeyValue[]>,
    signal: AbortSignal,
  ): Promise<SnapshotRef>;
  remove(id: string, signal: AbortSignal): Promise<void>;
}
