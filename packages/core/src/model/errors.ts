export interface ErrorDetails {
  /** What happened, in one sentence, without keys' values or secrets. */
  readonly message: string;
  /** What the operator does next. */
  readonly remedy: string;
  readonly cause?: unknown;
}

/**
 * Root of every error Tidemark raises on purpose. Callers decide by class, never by message text; foreign errors are
 * cast to one of these once, in the package that owns the client library.
 */
export abstract class TidemarkError extends Error {
  /** Stable, upper-case identifier, e.g. `SOURCE_COMPACTED`: logs, status and documents use the same word. */
  abstract readonly code: string;
  readonly remedy: string;
  /** True when somebody has to act. It is still tried again, so that the work continues by itself afterwards. */
  readonly permanent: boolean = false;

  constructor(details: ErrorDetails) {
    super(details.message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = new.target.name;
    this.remedy = details.remedy;
  }
}

/** A peer cannot be reached or cannot answer now. Nothing is known to be wrong with the data: retry with back-off. */
export class UnavailableError extends TidemarkError {
  readonly code: string = 'UNAVAILABLE';
}

/** A peer refused our identity or our request: rights, certificate, password. Retrying alone does not help. */
export class AccessDeniedError extends TidemarkError {
  readonly code: string = 'ACCESS_DENIED';
  override readonly permanent = true;
}

/** No answer to a write came: it is in doubt. Read the content to find out; assume nothing. */
export class AmbiguousWriteError extends UnavailableError {
  override readonly code = 'AMBIGUOUS_WRITE';
}

/** The write was refused because another writer was there first. The refused writer stops writing. */
export class FencedError extends TidemarkError {
  readonly code = 'FENCED';
}

/** Leadership ended (lease deadline passed, key gone, or hand-over asked). Work inside the scope stops. */
export class LeadershipLostError extends TidemarkError {
  readonly code = 'LEADERSHIP_LOST';
}

/** An invariant is broken; to continue would hide data loss. */
export class InvariantError extends TidemarkError {
  readonly code = 'INVARIANT';
  constructor(message: string) {
    super({ message, remedy: 'This is a defect in Tidemark: report it with the log around this line.' });
  }
}

/** History of the source is gone: the leader takes a new snapshot, and destinations resync from it. */
export abstract class HistoryLostError extends TidemarkError {
  /** The word that goes into the reset record and `tidemark_resets_total{reason}`. */
  abstract readonly reason: 'compacted' | 'gap' | 'rewound' | 'foreign_source';
}

/** The source compacted revisions that were not journaled yet. */
export class SourceCompactedError extends HistoryLostError {
  readonly code = 'SOURCE_COMPACTED';
  readonly reason = 'compacted';
}

/** The source's watch skipped revisions: events were lost between etcd and Tidemark. */
export class SourceGapError extends HistoryLostError {
  readonly code = 'SOURCE_GAP';
  readonly reason = 'gap';
}

/** The source no longer has the history that was journaled: restored from a backup, or another cluster. */
export class SourceRewoundError extends HistoryLostError {
  readonly code = 'SOURCE_REWOUND';
  readonly reason = 'rewound';
}

/** The source is another cluster than the one that was journaled. */
export class SourceForeignError extends HistoryLostError {
  readonly code = 'SOURCE_FOREIGN';
  readonly reason = 'foreign_source';
}

/** The journal does not reach back to the requested position, because of retention or a lost journal. */
export class JournalPositionLostError extends TidemarkError {
  readonly code = 'JOURNAL_POSITION_LOST';
}

/** A record does not follow the one before it. */
export class JournalChainBrokenError extends TidemarkError {
  readonly code = 'JOURNAL_CHAIN_BROKEN';
}

/** The journal is not the one that was opened: its stream was deleted and created again. */
export class JournalReplacedError extends TidemarkError {
  readonly code = 'JOURNAL_REPLACED';
}

/** The journal cannot take more (limits of bytes, messages or of the account). */
export class JournalFullError extends TidemarkError {
  readonly code = 'JOURNAL_FULL';
}

/** A record's payload cannot be decoded or fails its checksum. */
export class JournalCorruptError extends TidemarkError {
  readonly code = 'JOURNAL_CORRUPT';
}

/** A requested snapshot is not in the store, or not complete. */
export class SnapshotMissingError extends TidemarkError {
  readonly code = 'SNAPSHOT_MISSING';
}

/** A destination is full: it refuses writes until somebody frees space. */
export class DestinationFullError extends TidemarkError {
  readonly code = 'DESTINATION_FULL';
  override readonly permanent = true;
}

/** A request was refused, perhaps for the sake of one key: everything else in it would be taken without that. */
export abstract class RefusedError extends TidemarkError {
  override readonly permanent = true;
  /** At the destination; null when it is for no single key. */
  readonly key: Buffer | null;

  constructor({ key = null, ...details }: ErrorDetails & { readonly key?: Buffer | null }) {
    super(details);
    this.key = key;
  }
}

/** A key of the destination holds something that is not a plain value: it is somebody else's, and is not overwritten. */
export class WrongTypeError extends RefusedError {
  readonly code = 'WRONG_TYPE';
}

/** A request is larger than the server accepts. */
export class RequestTooLargeError extends RefusedError {
  readonly code = 'REQUEST_TOO_LARGE';
}

/** Writes to a destination would come back to its own source, and from there again, for ever. */
export class LoopError extends TidemarkError {
  readonly code = 'LOOP';
  override readonly permanent = true;
}

/** One line for logs: code and message of an error of any type, without its stack. */
export function describeError(error: unknown): string {
  if (error instanceof TidemarkError) return `${error.code}: ${error.message}`;
  return error instanceof Error ? error.message : String(error);
}
