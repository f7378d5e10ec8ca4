import {
  type Checkpoint,
  type DestinationReader,
  type DestinationView,
  type KeyRange,
  type Position,
  SourceCompactedError,
  type SourceReader,
  TidemarkError,
} from '@tidemark/core';
import type { Filter } from '../routes/filter.js';
import { ListedKeys } from './listed-keys.js';
import { type DifferentKey, type RecheckOptions, recheck } from './recheck.js';
import { routeDifference, type SourceCopy } from './reconcile.js';

/** Differences kept with their keys; more are only counted. */
const LISTED_DIFFERENCES = 1000;
/** The checkpoint moves on while we read; a source that compacts faster than that cannot be compared with. */
const ATTEMPTS = 5;

/** The comparison could not be made; says nothing about whether the destination is equal. */
export class CannotCompareError extends TidemarkError {
  readonly code = 'CANNOT_COMPARE';
}

export interface VerifyReport {
  readonly position: Position;
  /** Keys that should be at the destination. */
  readonly compared: number;
  readonly missing: number;
  readonly different: number;
  readonly extra: number;
  /** The first differences: which key, and how it differs. */
  readonly keys: readonly DifferentKey[];
}

/**
 * Compares a destination with the source at one position: the destination's checkpoint. Destination and checkpoint are
 * read at one state, the source at exactly that revision, so that traffic in between cannot look like a difference. Where
 * the destination cannot be read at one state, what looks different is checked again key by key: see `recheck`.
 * @throws CannotCompareError
 */
export async function verify(
  source: SourceReader,
  destination: DestinationReader,
  filter: Filter,
  signal: AbortSignal,
): Promise<VerifyReport> {
  const rechecking = { source, destination, routes: filter.routes, comparable: comparableCheckpoint };
  const compare = (comparable: Comparable) => {
    const { checkpoint } = comparable.view;
    if (checkpoint?.filter === filter.fingerprint) return compareOnce(comparable, rechecking, signal);
    throw new CannotCompareError({
      message: 'The destination was written under other routes than the configured ones.',
      remedy: 'See `tidemark explain` for what it waits for, and `tidemark resync --plan` for what would change.',
    });
  };
  return await atCheckpoint({ source, destination }, compare, signal);
}

/** A destination, and the source as it was at the destination's position. */
export interface Comparable {
  readonly copy: SourceCopy;
  readonly view: DestinationView;
  readonly position: Position;
}

/**
 * Compares with the source at the destination's checkpoint, or at `position` where one is given.
 * @throws CannotCompareError when the destination is at no position of its own, or the source no longer has that revision
 */
export async function atCheckpoint<T>(
  compared: {
    readonly source: SourceReader;
    readonly destination: DestinationReader;
    readonly position?: Position | null;
  },
  compare: (comparable: Comparable) => Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  const { source, destination } = compared;
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const view = await destination.view(signal);
    const checkpoint = comparableCheckpoint(view.checkpoint);
    const position = compared.position ?? checkpoint.position;
    const copy: SourceCopy = { read: (range, stop) => sourcePages(source, range, position.revision, stop) };
    try {
      const found = await compare({ copy, view, position });
      // What was read ends quietly when aborted, and looks like keys that are missing.
      signal.throwIfAborted();
      return found;
    } catch (error) {
      if (!(error instanceof SourceCompactedError)) throw error;
    }
  }
  throw new CannotCompareError({
    message: 'The source has compacted the revision that the destination is at.',
    remedy: 'Let the destination catch up (see `tidemark status`) and verify again.',
  });
}

async function compareOnce(
  comparable: Comparable,
  rechecking: RecheckOptions,
  signal: AbortSignal,
): Promise<VerifyReport> {
  const { view, position } = comparable;
  const listed = new ListedKeys(LISTED_DIFFERENCES);
  const count = { compared: 0, missing: 0, different: 0, extra: 0 };
  const onCompared = (compared: number) => {
    count.compared += compared;
  };
  for (const route of rechecking.routes) {
    for await (const suspects of routeDifference(route, comparable, signal, onCompared)) {
      const differences = view.atOneState
        ? suspects
        : await recheck(rechecking, { suspects, comparedAt: position }, signal);
      for (const each of differences) {
        count[each.kind]++;
        listed.add(each);
      }
    }
  }
  return { position, ...count, keys: listed.keys };
}

async function* sourcePages(source: SourceReader, range: KeyRange, revision: number, signal: AbortSignal) {
  const read = await source.read(range, revision, signal);
  yield* read.pages;
}

/** @throws CannotCompareError for a checkpoint between two positions: of a resync, or within a revision */
export function comparableCheckpoint(checkpoint: Checkpoint | null): Checkpoint {
  if (checkpoint !== null && checkpoint.resync === null && checkpoint.partial === null) return checkpoint;
  throw new CannotCompareError({
    message:
      checkpoint === null ? 'The destination has no checkpoint yet.' : 'The destination is between two positions.',
    remedy: 'Wait until it is streaming (see `tidemark status`) and verify again.',
  });
}
