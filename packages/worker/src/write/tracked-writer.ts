import { isDeepStrictEqual } from 'node:util';
import {
  AmbiguousWriteError,
  type ApplyLimits,
  type ApplyRequest,
  type ApplyResult,
  type Checkpoint,
  type DestinationReader,
  type DestinationWriter,
  InvariantError,
  type Logger,
  TidemarkError,
  UnavailableError,
} from '@tidemark/core';

/** A transaction that lands between the reading and the fencing off moves the checkpoint; there are few of them. */
const FENCE_ATTEMPTS = 5;

/**
 * The writer of a destination, as one owner uses it, which keeps track of what is in doubt. A request may wait in a frozen
 * server, a proxy or a socket for minutes, and be carried out when nobody thinks of it any more. It can be fenced off: it
 * compares the checkpoint, so a checkpoint of the same position with another fence makes it impossible, for good.
 *
 * A class and no interface on purpose: whatever writes in the worker asks for this very class, so that a destination's own
 * writer, which tracks nothing, does not compile there.
 */
export class TrackedWriter implements DestinationWriter {
  /** One for each checkpoint that a transaction in doubt expects. */
  private inDoubt: readonly Pick<ApplyRequest, 'expected' | 'next'>[] = [];
  /** Whether this owner has moved the checkpoint: what an earlier owner may still have in flight expects an older one. */
  private moved = false;

  constructor(
    private readonly destination: Pick<DestinationReader, 'checkpoint'> & DestinationWriter,
    private readonly logger: Logger,
  ) {}

  get limits(): ApplyLimits {
    return this.destination.limits;
  }

  /** Whether a transaction of this owner, or a copy of it, may still be carried out. */
  get isInDoubt(): boolean {
    return this.inDoubt.length > 0;
  }

  async apply(request: ApplyRequest, signal: AbortSignal): Promise<ApplyResult> {
    try {
      const result = await this.destination.apply(request, signal);
      this.checkpointIs(result.outcome === 'superseded' ? result.found : request.next);
      if (result.outcome === 'applied') this.carriedOut(request);
      return result;
    } catch (error) {
      if (mayHaveHappened(error)) this.remember(request);
      throw error;
    }
  }

  /**
   * A write beside the data that compares the checkpoint, too. Without an answer it is in doubt as a transaction is, and can
   * be fenced off; only a destination without a checkpoint has nothing to fence it off with.
   */
  async beside(checkpoint: Checkpoint | null, write: () => Promise<void>): Promise<void> {
    try {
      await write();
    } catch (error) {
      if (checkpoint !== null && mayHaveHappened(error)) this.remember({ expected: checkpoint, next: checkpoint });
      throw error;
    }
  }

  /**
   * Fences off what this owner has in doubt. Writes nothing when nothing is.
   * @returns the checkpoint, which no earlier transaction of this owner can move any more
   */
  async fenceOffOwn(signal: AbortSignal): Promise<Checkpoint | null> {
    return await this.fenceOff((found) => this.successorOf(found), signal);
  }

  /**
   * As `fenceOffOwn`, and what an earlier owner may have in doubt. Writes nothing where that is known to be impossible.
   * @returns whether it moved the checkpoint
   */
  async fenceOffAll(signal: AbortSignal): Promise<boolean> {
    if (this.moved && !this.isInDoubt) return false;
    // Without a checkpoint only the very first transaction can be in flight, which writes no key but the checkpoint.
    const known = this.moved;
    let moves = false;
    const successorOf = (found: Checkpoint | null) => {
      const next = known || found === null ? this.successorOf(found) : fenced(found);
      moves = next !== null;
      return next;
    };
    await this.fenceOff(successorOf, signal);
    return moves;
  }

  private async fenceOff(
    successorOf: (found: Checkpoint | null) => Checkpoint | null,
    signal: AbortSignal,
  ): Promise<Checkpoint | null> {
    for (let attempt = 1; attempt <= FENCE_ATTEMPTS; attempt++) {
      const found = await this.destination.checkpoint(signal);
      this.checkpointIs(found);
      const next = successorOf(found);
      if (next === null) return found;
      const { outcome } = await this.apply({ writes: [], expected: found, next }, signal);
      if (outcome === 'superseded') continue;
      this.logger.info({ ...next.position, ...next.fence }, 'a transaction in doubt is fenced off');
      return next;
    }
    throw new UnavailableError({
      message: 'Somebody else moves the checkpoint of the destination all the time.',
      remedy: 'Look whether another pipeline, or an older node that is not registered, writes to it.',
    });
  }

  /** What to write over a checkpoint so that nothing in doubt can follow upon it; null when nothing can. */
  private successorOf(found: Checkpoint | null): Checkpoint | null {
    const doubt = this.inDoubt.find(({ expected }) => isDeepStrictEqual(expected, found));
    if (doubt === undefined) return null;
    // A destination without a checkpoint has no position; what was sent then is a resync's guard, and carries no data.
    return found === null ? doubt.next : fenced(found);
  }

  /**
   * A destination sends again what was not answered, and reports one answer. Where the checkpoint has moved, no copy can
   * follow; under the guard of a resync, which stays, each copy can.
   */
  private carriedOut(request: ApplyRequest): void {
    if (isDeepStrictEqual(request.expected, request.next)) this.remember(request);
    else this.moved = true;
  }

  private remember({ expected, next }: Pick<ApplyRequest, 'expected' | 'next'>): void {
    const known = this.inDoubt.some((doubt) => isDeepStrictEqual(doubt.expected, expected));
    if (!known) this.inDoubt = [...this.inDoubt, { expected, next }];
  }

  /** A checkpoint never comes back: what expects another one cannot happen any more. */
  private checkpointIs(checkpoint: Checkpoint | null): void {
    if (!this.isInDoubt) return;
    this.inDoubt = this.inDoubt.filter(({ expected }) => isDeepStrictEqual(expected, checkpoint));
  }
}

/** The same position, and whoever expects the checkpoint from before is refused. */
function fenced(found: Checkpoint): Checkpoint {
  const { offJournal, fencedOff } = found.fence ?? { offJournal: 0, fencedOff: 0 };
  return { ...found, fence: { offJournal, fencedOff: fencedOff + 1 } };
}

/** Everything but a definite "no": silence, being aborted, an answer that could not be read. */
function mayHaveHappened(error: unknown): boolean {
  return error instanceof AmbiguousWriteError || error instanceof InvariantError || !(error instanceof TidemarkError);
}
