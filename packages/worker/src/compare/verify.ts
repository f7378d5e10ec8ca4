import {
  type Checkpoint,
  type Destination,
  type DestinationView,
  type Position,
  type Source,
  SourceCompactedError,
  TidemarkError,
} from '@tidemark/core';
import type { Filter } from '../routes.js';
import { routeDifference, type SourceCopy } from './reconcile.js';
import { type DifferentKey, type Settling, settle } from './settle.js';

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
 * the destination cannot be read at one state, what looks different is settled key by key: see `settle`.
 * @throws CannotCompareError
 */
export async function verify(
  source: Pick<Source, 'read'>,
  destination: Destination,
  filter: Filter,
  signal: AbortSignal,
): Promise<VerifyReport> {
  const settling = { source, destination, routes: filter.routes, settled: settledCheckpoint };
  const compare = (comparable: Comparable) => {
    const { checkpoint } = comparable.view;
    if (checkpoint?.filter === filter.fingerprint) return compareOnce(comparable, settling, signal);
    throw new CannotCompareError({
      message: 'The destination is still as other routes than the configured ones made it.',
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

/** @throws CannotCompareError when the destination has no settled position, or the source no longer has that revision */
export async function atCheckpoint<T>(
  { source, destination }: { readonly source: Pick<Source, 'read'>; readonly destination: Destination },
  compare: (comparable: Comparable) => Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const view = await destination.view(signal);
    const { position } = settledCheckpoint(view.checkpoint);
    const copy: SourceCopy = { read: (range, stop) => sourcePages(source, range, position.revision, stop) };
    try {
      const compared = await compare({ copy, view, position });
      // What was read ends quietly when aborted, and looks like keys that are missing.
      signal.throwIfAborted();
      return compared;
    } catch (error) {
      if (!(error instanceof SourceCompactedError)) throw error;
    }
  }
  throw new CannotCompareError({
    message: 'The source no longer has the revision at which the destination stands: it is compacted.',
    remedy: 'Let the destination catch up (see `tidemark status`) and verify again.',
  });
}

async function compareOnce(comparable: Comparable, settling: Settling, signal: AbortSignal): Promise<VerifyReport> {
  const { view, position } = comparable;
  const keys: DifferentKey[] = [];
  const count = { compared: 0, missing: 0, different: 0, extra: 0 };
  const onCompared = (compared: number) => {
    count.compared += compared;
  };
  for (const route of settling.routes) {
    for await (const suspects of routeDifference(route, comparable, signal, onCompared)) {
      const differences = view.atOneState
        ? suspects
        : await settle(settling, { suspects, comparedAt: position }, signal);
      for (const { kind, key } of differences) {
        count[kind]++;
        if (keys.length < LISTED_DIFFERENCES) keys.push({ kind, key });
      }
    }
  }
  return { position, ...count, keys };
}

async function* sourcePages(
  source: Pick<Source, 'read'>,
  range: Parameters<Source['read']>[0],
  revision: number,
  signal: AbortSignal,
) {
  const read = await source.read(range, revision, signal);
  yield* read.pages;
}

/** @throws CannotCompareError when it is no settled position */
export function settledCheckpoint(checkpoint: Checkpoint | null): Checkpoint {
  if (checkpoint !== null && checkpoint.resync === null && checkpoint.partial === null) return checkpoint;
  throw new CannotCompareError({
    message:
      checkpoint === null ? 'The destination has no checkpoint yet.' : 'The destination is between two positions.',
    remedy: 'Wait until it is streaming (see `tidemark status`) and verify again.',
  });
}
