import type { Write } from '@tidemark/core';

/** Keys remembered at most, some 100 bytes each. So many deletes within a window hold whatever their share is. */
export const MAX_TRACKED_DELETES = 200_000;

/**
 * The distinct keys that were deleted and not put again within a time. Time is the journal's: what happened at once at
 * the source counts as at once, however late it is applied. Pure.
 */
export class DeleteWindow {
  /** Key, a character for each byte, and when it was deleted; in the order of time. */
  private readonly deleted = new Map<string, number>();

  /** @param windowMs milliseconds */
  constructor(private readonly windowMs: number) {}

  get size(): number {
    return this.deleted.size;
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
      if (write.kind === 'delete' && this.deleted.size < MAX_TRACKED_DELETES) this.deleted.set(key, time);
    }
  }

  clear(): void {
    this.deleted.clear();
  }

  private forgetBefore(time: number): void {
    for (const [key, deletedAt] of this.deleted) {
      if (deletedAt >= time) return;
      this.deleted.delete(key);
    }
  }
}
