import type { SnapshotRef, SnapshotStore } from '@tidemark/core';
import { Stall } from './stall.js';

/** The snapshots of a journal, and the faults that tests need. */
export class FaultySnapshots implements SnapshotStore {
  /** Looks at the list while it was hidden. */
  hiddenLooks = 0;
  private hidden = false;
  private listStall: Stall | null = null;

  constructor(private readonly inner: SnapshotStore) {}

  /** The list is empty, until `show`. */
  hide(): void {
    this.hidden = true;
  }

  show(): void {
    this.hidden = false;
  }

  /** Whoever asks for the list waits, until the stall is released. */
  stallList(): Stall {
    this.listStall = new Stall();
    return this.listStall;
  }

  async list(signal: AbortSignal): Promise<readonly SnapshotRef[]> {
    await this.listStall?.pass();
    if (!this.hidden) return await this.inner.list(signal);
    this.hiddenLooks++;
    return [];
  }

  put(...snapshot: Parameters<SnapshotStore['put']>): ReturnType<SnapshotStore['put']> {
    return this.inner.put(...snapshot);
  }

  open(...part: Parameters<SnapshotStore['open']>): ReturnType<SnapshotStore['open']> {
    return this.inner.open(...part);
  }

  remove(id: string, signal: AbortSignal): Promise<void> {
    return this.inner.remove(id, signal);
  }
}
