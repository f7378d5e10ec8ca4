/** Revisions kept: a watch shows them within milliseconds. */
const KEPT = 10_000;

/** The destination's revisions that our own transactions made, as far as their answers have come. */
export class OwnRevisions {
  private readonly revisions = new Set<number>();
  private newest = 0;
  private readonly inFlight = new Set<Promise<unknown>>();

  add(revision: number): void {
    // Answers of two that were in flight at once may change places. Anything older: the destination was restored from a
    // backup, and these numbers may now be somebody else's. Forgetting costs a read for each revision, nothing more.
    if (revision < this.newest - 1) this.revisions.clear();
    this.newest = revision;
    this.revisions.add(revision);
    if (this.revisions.size <= KEPT) return;
    for (const oldest of this.revisions) {
      this.revisions.delete(oldest);
      return;
    }
  }

  /** A watch may show a transaction before its answer is here. */
  awaitAnswer(transaction: Promise<unknown>): void {
    const answered: Promise<unknown> = transaction.then(
      () => this.inFlight.delete(answered),
      () => this.inFlight.delete(answered),
    );
    this.inFlight.add(answered);
  }

  /** Whether it is known to be ours, once everything that was in flight has been answered. */
  async includes(revision: number): Promise<boolean> {
    if (this.revisions.has(revision)) return true;
    await Promise.all(this.inFlight);
    return this.revisions.has(revision);
  }
}
