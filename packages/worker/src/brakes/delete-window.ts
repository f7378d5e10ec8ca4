import type { Write } from '@tidemark/core';
import type { DeleteCount } from './limits.js';
import { NamedKeys } from './named-keys.js';

/**
 * The distinct keys that were deleted and not put again within a time. Time is the journal's: what happened at once at
 * the source counts as at once, however late it is applied. Pure.
 */
export class DeleteWindow {
  /** When a key was deleted last that is not remembered; null when all are. */
  private missedAt: number | null = null;

  /**
   * @param windowMs milliseconds
   * @param deleted each key, and when it was deleted; in the order of time
   */
  constructor(
    private readonly windowMs: number,
    private readonly deleted = new NamedKeys(),
  ) {}

  get size(): number {
    return this.deleted.size;
  }

  get count(): DeleteCount {
    return { deletes: this.deleted.size, all: this.missedAt === null };
  }

  /** Forgets what is too old at a time, milliseconds since the epoch, and returns how many keys are left. */
  sizeAt(time: number): number {
    this.forgetBefore(time - this.windowMs);
    return this.deleted.size;
  }

  /** @param time when the writes were journaled, milliseconds since the epoch */
  add(writes: readonly Write[], time: number): void {
    this.forgetBefore(time - this.windowMs);
    for (const write of writes) {
      // A text for each key of a busy journal would cost as much as the rest of its way, and mostly nothing is deleted.
      if (write.kind === 'put' && this.deleted.size === 0) continue;
      const key = write.key.toString('latin1');
      this.deleted.delete(key);
      if (write.kind === 'delete' && !this.deleted.set(key, time)) this.missedAt = time;
    }
  }

  clear(): void {
    this.deleted.clear();
    this.missedAt = null;
  }

  private forgetBefore(time: number): void {
    if (this.missedAt !== null && this.missedAt < time) this.missedAt = null;
    for (const [key, deletedAt] of this.deleted.entries) {
      if (deletedAt >= time) return;
      this.deleted.delete(key);
    }
  }
}
