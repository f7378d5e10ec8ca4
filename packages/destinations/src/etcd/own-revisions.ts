/** Revisions kept: a watch shows them within milliseconds. */
const KEPT = 10_000;

/** The destination's revisions that our own transactions made, as far as their answers have come. */
export class OwnRevisions {
  private readonly revisions = new Set<number>();
  private newest = 0;
  private readonly inFlight = new Set<Promise<unknown>>();

  add(revision: number): void {
    // Two transactions in flight at once may be answered in either order, so one revision back is normal. A larger step
    // back shows that the destination was restored from a backup: the revisions kept here may now be other clients' writes.
    // Clearing costs one read for each revision.
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
