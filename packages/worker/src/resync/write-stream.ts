import { type ApplyLimits, type Write, writeBytes } from '@tidemark/core';

/** Transactions in flight at once: one is committed by the server while the next is encoded here. */
const IN_FLIGHT = 2;
/**
 * Writes of the first transaction; each is twice as large as the one before, up to the destination's limit. The destination
 * has work while the next one is packed, and a gRPC server opens its window only as it receives.
 */
const FIRST_WRITES = 512;

/**
 * Packs independent writes (each key once) into transactions of the destination's limits. Only for writes whose order
 * among each other does not matter, as in what differs from a snapshot.
 */
export class WriteStream {
  private writes: Write[] = [];
  private bytes = 0;
  private flushes = 0;
  private readonly pending = new Set<Promise<void>>();
  private failure: { readonly error: unknown } | null = null;

  constructor(
    private readonly limits: ApplyLimits,
    private readonly commit: (writes: readonly Write[]) => Promise<void>,
  ) {}

  /** Returns a promise only when there is something to wait for, so that a long run of writes stays cheap. */
  write(write: Write): Promise<void> | undefined {
    const size = writeBytes(write);
    const full =
      this.writes.length >= Math.min(this.limits.maxWrites, FIRST_WRITES * 2 ** this.flushes) ||
      (this.writes.length > 0 && this.bytes + size > this.limits.maxBytes);
    const waiting = full ? this.flush() : undefined;
    this.writes.push(write);
    this.bytes += size;
    return waiting;
  }

  /** Resolves when everything is committed; throws the first failure. */
  async end(): Promise<void> {
    if (this.writes.length > 0) await this.flush();
    await Promise.all(this.pending);
    this.throwFailure();
  }

  /** Resolves when nothing is in flight any more, whatever came of it. */
  async drained(): Promise<void> {
    await Promise.all(this.pending);
  }

  private async flush(): Promise<void> {
    const writes = this.writes;
    this.writes = [];
    this.bytes = 0;
    this.flushes++;
    const done = this.commit(writes)
      .catch((error: unknown) => {
        this.failure ??= { error };
      })
      .finally(() => this.pending.delete(done));
    this.pending.add(done);
    while (this.pending.size >= IN_FLIGHT) await Promise.race(this.pending);
    this.throwFailure();
  }

  private throwFailure(): void {
    if (this.failure !== null) throw this.failure.error;
  }
}
