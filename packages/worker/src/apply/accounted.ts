import { isDeepStrictEqual } from 'node:util';
import {
  AmbiguousWriteError,
  type ApplyLimits,
  type ApplyRequest,
  type ApplyResult,
  type Checkpoint,
  type Destination,
  type DestinationReading,
  type DestinationView,
  type ForeignWrite,
  InvariantError,
  type KeyRange,
  type Logger,
  type OriginKeeper,
  TidemarkError,
  UnavailableError,
} from '@tidemark/core';

/** A transaction that lands between reading and shutting out moves the checkpoint; there are few of them. */
const CLOSE_ATTEMPTS = 5;

/**
 * A destination, as one owner writes to it, with an account of what was not answered. A request may wait in a frozen
 * server, a proxy or a socket for minutes, and be carried out when nobody thinks of it any more. It can be shut out: it
 * compares the checkpoint, so a checkpoint of the same position with another fence makes it impossible, for good.
 */
export class AccountedDestination implements Destination {
  readonly origin?: OriginKeeper;
  /** One for each checkpoint that an unanswered transaction expects. */
  private unanswered: readonly Pick<ApplyRequest, 'expected' | 'next'>[] = [];
  /** Whether this owner has moved the checkpoint: whatever an earlier one left on its way expects an older one. */
  private moved = false;

  constructor(
    private readonly inner: Destination,
    private readonly logger: Logger,
  ) {
    if (inner.origin !== undefined) this.origin = inner.origin;
  }

  get limits(): ApplyLimits {
    return this.inner.limits;
  }

  get deviations(): readonly string[] {
    return this.inner.deviations;
  }

  /** Whether a transaction of this owner, or a copy of it, may still be carried out. */
  get isUncertain(): boolean {
    return this.unanswered.length > 0;
  }

  checkpoint(signal: AbortSignal): Promise<Checkpoint | null> {
    return this.inner.checkpoint(signal);
  }

  async apply(request: ApplyRequest, signal: AbortSignal): Promise<ApplyResult> {
    try {
      const result = await this.inner.apply(request, signal);
      this.standsAt(result.outcome === 'superseded' ? result.found : request.next);
      if (result.outcome === 'applied') this.carriedOut(request);
      return result;
    } catch (error) {
      if (mayHaveHappened(error)) this.remember(request);
      throw error;
    }
  }

  /** Where the destination stands, once no transaction of this owner can move it any more. */
  async settle(signal: AbortSignal): Promise<Checkpoint | null> {
    return await this.shutOut((found) => this.successorOf(found), signal);
  }

  /**
   * As `settle`, and once none of an earlier owner can either. Writes nothing where that is known already.
   * @returns whether it moved the checkpoint
   */
  async settleAll(signal: AbortSignal): Promise<boolean> {
    if (this.moved && !this.isUncertain) return false;
    // Without a checkpoint only the very first transaction can be under way, which writes no key but that.
    const known = this.moved;
    let moves = false;
    const successorOf = (found: Checkpoint | null) => {
      const next = known || found === null ? this.successorOf(found) : closed(found);
      moves = next !== null;
      return next;
    };
    await this.shutOut(successorOf, signal);
    return moves;
  }

  view(signal: AbortSignal): Promise<DestinationView> {
    return this.inner.view(signal);
  }

  read(keys: readonly Buffer[], signal: AbortSignal): Promise<DestinationReading> {
    return this.inner.read(keys, signal);
  }

  count(range: KeyRange, signal: AbortSignal): Promise<number> {
    return this.inner.count(range, signal);
  }

  foreignWrites(ranges: readonly KeyRange[], signal: AbortSignal): AsyncIterable<readonly ForeignWrite[]> | null {
    return this.inner.foreignWrites(ranges, signal);
  }

  async close(): Promise<void> {
    await this.inner.close();
  }

  private async shutOut(
    successorOf: (found: Checkpoint | null) => Checkpoint | null,
    signal: AbortSignal,
  ): Promise<Checkpoint | null> {
    for (let attempt = 1; attempt <= CLOSE_ATTEMPTS; attempt++) {
      const found = await this.inner.checkpoint(signal);
      this.standsAt(found);
      const next = successorOf(found);
      if (next === null) return found;
      const { outcome } = await this.apply({ writes: [], expected: found, next }, signal);
      if (outcome === 'superseded') continue;
      this.logger.info({ ...next.position, ...next.fence }, 'what was unanswered is shut out');
      return next;
    }
    throw new UnavailableError({
      message: 'Somebody else moves the checkpoint of the destination all the time.',
      remedy: 'Look whether another pipeline, or an older node that is not registered, writes to it.',
    });
  }

  /** What to write over a checkpoint so that nothing unanswered can follow upon it; null when nothing can. */
  private successorOf(found: Checkpoint | null): Checkpoint | null {
    const doubt = this.unanswered.find(({ expected }) => isDeepStrictEqual(expected, found));
    if (doubt === undefined) return null;
    // A destination without a checkpoint has no position; what was sent then is a mark, and carries no data.
    return found === null ? doubt.next : closed(found);
  }

  /**
   * A destination sends again what was not answered, and tells of one answer. Where the checkpoint has moved, no copy can
   * follow; under the mark of a base, which stays, each copy can.
   */
  private carriedOut(request: ApplyRequest): void {
    if (isDeepStrictEqual(request.expected, request.next)) this.remember(request);
    else this.moved = true;
  }

  private remember({ expected, next }: ApplyRequest): void {
    const known = this.unanswered.some((doubt) => isDeepStrictEqual(doubt.expected, expected));
    if (!known) this.unanswered = [...this.unanswered, { expected, next }];
  }

  /** A checkpoint never comes back: what expects another one cannot happen any more. */
  private standsAt(checkpoint: Checkpoint | null): void {
    if (!this.isUncertain) return;
    this.unanswered = this.unanswered.filter(({ expected }) => isDeepStrictEqual(expected, checkpoint));
  }
}

/** The same position, and whoever expects the one from before is refused. */
function closed(found: Checkpoint): Checkpoint {
  const { amended, closed: times } = found.fence ?? { amended: 0, closed: 0 };
  return { ...found, fence: { amended, closed: times + 1 } };
}

/**
 * How far a destination has come, for comparison. Neither what was shut out nor the mark of another attempt at the same base
 * is a step, although both change the checkpoint.
 */
export function progressOf(checkpoint: Checkpoint | null): object | null {
  if (checkpoint === null) return null;
  const { journal, position, partial, filter, resync } = checkpoint;
  return { journal, position, partial, filter, base: resync?.snapshot ?? null };
}

/** Everything but a definite "no": silence, being aborted, an answer that could not be read. */
function mayHaveHappened(error: unknown): boolean {
  return error instanceof AmbiguousWriteError || error instanceof InvariantError || !(error instanceof TidemarkError);
}
