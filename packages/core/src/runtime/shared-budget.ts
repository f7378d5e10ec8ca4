/**
 * Bytes of memory that several readers of one process may hold, in equal shares: the fewer there are, the more each may.
 * Equal, not first come first served, so that one that stands still cannot keep what the others need.
 */
export class SharedBudget {
  private members = 0;

  constructor(private readonly totalBytes: number) {}

  /** What each member may hold now, in bytes. It shrinks when others join. */
  get share(): number {
    return Math.floor(this.totalBytes / Math.max(1, this.members));
  }

  /** Returns how to leave. */
  join(): () => void {
    this.members++;
    let joined = true;
    return () => {
      if (joined) this.members--;
      joined = false;
    };
  }
}
