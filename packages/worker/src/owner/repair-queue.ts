import { TidemarkError } from '@tidemark/core';
import type { RepairReport } from '../compare/repair.js';

/** What was asked for can only be done while the destination is streaming. */
export class NotStreamingError extends TidemarkError {
  readonly code = 'NOT_STREAMING';
}

interface Repair {
  readonly keys: readonly Buffer[];
  readonly resolve: (report: RepairReport) => void;
  readonly reject: (error: unknown) => void;
}

/** Repairs that wait: each is made between two transactions, while nothing else moves the destination. */
export class RepairQueue {
  private waiting: Repair[] = [];
  private closed: { readonly error: unknown } | null = null;

  /** `interrupt` makes the worker come for the repairs. */
  constructor(private readonly interrupt: () => void) {}

  /** Resolves when the keys are repaired. @throws what it is refused with */
  async add(keys: readonly Buffer[]): Promise<RepairReport> {
    if (this.closed !== null) throw this.closed.error;
    return await new Promise((resolve, reject) => {
      this.waiting.push({ keys, resolve, reject });
      this.interrupt();
    });
  }

  /** Makes the repairs that wait, one after the other. Who asked for one gets its failure. */
  async makeAll(how: (keys: readonly Buffer[]) => Promise<RepairReport>): Promise<void> {
    for (let repair = this.waiting.shift(); repair !== undefined; repair = this.waiting.shift()) {
      const { keys, resolve, reject } = repair;
      await how(keys).then(resolve, reject);
    }
  }

  /** Refuses what waits. */
  refuse(error: unknown): void {
    for (const { reject } of this.waiting.splice(0)) reject(error);
  }

  /** Refuses also what is added from now on: nobody comes for it any more, and who asked would wait for ever. */
  close(error: unknown): void {
    this.closed = { error };
    this.refuse(error);
  }
}
