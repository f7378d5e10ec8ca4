import { type Checkpoint, Fact, type Fence, OFF_JOURNAL, type SharedFacts } from '@tidemark/core';

/**
 * Off-journal writes: what a resync or a repair writes to a destination, which the journal does not hold. A destination
 * that loses the newest of what it acknowledged goes back to an older checkpoint, and the journal leads on from there, but
 * it would not write that again. So the newest off-journal write is noted outside of the destination before it is made: a
 * checkpoint from before it shows that it is gone, and only a resync brings it back.
 */
export class OffJournalWrites {
  /** Noted by this owner, and never confirmed. */
  private begun: { readonly number: number; readonly before: number } | null = null;
  private readonly note: Fact<{ offJournal: number }>;

  constructor(facts: SharedFacts, destination: string) {
    this.note = new Fact(facts, OFF_JOURNAL, destination);
  }

  /** Notes that one begins, and returns the fence for the checkpoint that goes with it. @throws UnavailableError */
  async begin(found: Checkpoint | null, signal: AbortSignal): Promise<Fence> {
    const before = numberIn(found);
    const noted = await this.newest(signal);
    const nothingLost = noted <= before || this.wasOnlyBegun(noted, before);
    // Not one more than the last: of two owners at once, each must have a number of its own.
    const number = Math.max(Date.now(), before + 1, noted + 1);
    await this.note.write({ offJournal: number }, signal);
    this.begun = nothingLost ? { number, before } : null;
    return { offJournal: number, fencedOff: found?.fence?.fencedOff ?? 0 };
  }

  /** What was begun is at the destination, or its checkpoint says that it was abandoned. */
  done(): void {
    this.begun = null;
  }

  /**
   * Whether a destination has lost an off-journal write. One that this owner began, and that was never confirmed, is not
   * lost: nobody was given to believe that it was made.
   * @param found a checkpoint that no transaction in doubt can move any more
   */
  async isLost(found: Checkpoint | null, signal: AbortSignal): Promise<boolean> {
    if (found === null) return false;
    const newest = await this.newest(signal);
    if (numberIn(found) >= newest) return false;
    return !this.wasOnlyBegun(newest, numberIn(found));
  }

  /**
   * The fence for a checkpoint that lacks a write which was begun and abandoned; null where none was. Without it the next
   * owner, who does not know that, would take the write for lost.
   * @param found a checkpoint that no transaction in doubt can move, and that has lost nothing
   */
  abandoned(found: Checkpoint): Fence | null {
    if (this.begun?.before !== numberIn(found)) return null;
    return { offJournal: this.begun.number, fencedOff: found.fence?.fencedOff ?? 0 };
  }

  private wasOnlyBegun(noted: number, before: number): boolean {
    return this.begun?.number === noted && this.begun.before === before;
  }

  /** 0 when there was none. */
  private async newest(signal: AbortSignal): Promise<number> {
    return (await this.note.read(signal))?.offJournal ?? 0;
  }
}

function numberIn(checkpoint: Checkpoint | null): number {
  return checkpoint?.fence?.offJournal ?? 0;
}
