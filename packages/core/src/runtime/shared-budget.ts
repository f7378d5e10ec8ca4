/**
 * Bytes of memory that several readers of one process may hold, in equal shares: the fewer readers, the larger a share. A
 * stalled reader therefore keeps only its own share.
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
