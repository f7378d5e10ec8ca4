import { type Checkpoint, type Fence, parseFact, type SharedFacts } from '@tidemark/core';
import * as z from 'zod';

const noteSchema = z.object({ amended: z.int().min(0) });

/**
 * What was written to a destination that the journal does not hold: by a base, or a repair. A destination that loses the
 * newest of what it acknowledged goes back to an older checkpoint, and the journal leads on from there, but it would not
 * write that again. So the newest amendment is noted outside of the destination, before it is made: a checkpoint from
 * before it tells that it is gone, and only a difference brings it back.
 */
export class Amendments {
  /** Noted by this owner, and never confirmed. */
  private begun: { readonly number: number; readonly before: number } | null = null;

  constructor(
    private readonly facts: SharedFacts,
    private readonly destination: string,
  ) {}

  /** Notes that one begins, and returns the fence for the checkpoint that goes with it. @throws UnavailableError */
  async begin(found: Checkpoint | null, signal: AbortSignal): Promise<Fence> {
    const before = amendedOf(found);
    const noted = await this.newest(signal);
    const nothingLost = noted <= before || this.wasOnlyBegun(noted, before);
    // Not one more than the last: of two owners at once, each must have a number of its own.
    const number = Math.max(Date.now(), before + 1, noted + 1);
    await this.facts.write(this.name, JSON.stringify({ amended: number }), signal);
    this.begun = nothingLost ? { number, before } : null;
    return { amended: number, closed: found?.fence?.closed ?? 0 };
  }

  /** What was begun is at the destination, or is told there as never made. */
  done(): void {
    this.begun = null;
  }

  /**
   * Whether a destination has lost what was written to it beyond the journal. One that this owner began, and that never
   * was confirmed, is not lost: nobody was told that it was made.
   * @param found a settled checkpoint: nothing that was begun is under way any more
   */
  async isLost(found: Checkpoint | null, signal: AbortSignal): Promise<boolean> {
    if (found === null) return false;
    const newest = await this.newest(signal);
    if (amendedOf(found) >= newest) return false;
    return !this.wasOnlyBegun(newest, amendedOf(found));
  }

  /**
   * The fence for a checkpoint that lacks an amendment which was begun and never made; null where none was. Without it the
   * next owner, who does not know that, would take it for lost.
   * @param found a settled checkpoint that has lost nothing
   */
  unmade(found: Checkpoint): Fence | null {
    if (this.begun?.before !== amendedOf(found)) return null;
    return { amended: this.begun.number, closed: found.fence?.closed ?? 0 };
  }

  private wasOnlyBegun(noted: number, before: number): boolean {
    return this.begun?.number === noted && this.begun.before === before;
  }

  /** 0 when there was none. */
  private async newest(signal: AbortSignal): Promise<number> {
    return parseFact(noteSchema, await this.facts.read(this.name, signal))?.amended ?? 0;
  }

  private get name(): string {
    return `destinations/${this.destination}/amended`;
  }
}

function amendedOf(checkpoint: Checkpoint | null): number {
  return checkpoint?.fence?.amended ?? 0;
}
