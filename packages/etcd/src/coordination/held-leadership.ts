import { type Leadership, LeadershipLostError } from '@tidemark/core';
import type { Lease } from './lease.js';

/** The key that names the leader, or the owner. */
export interface HeldKey {
  /** Create revision of the key: the fencing token. */
  readonly createRevision: number;
  /** Asks by a transaction whether it is still ours. @throws LeadershipLostError */
  prove(signal: AbortSignal): Promise<void>;
}

/** Leadership for as long as the key exists and its lease is certainly alive. */
export class HeldLeadership implements Leadership {
  readonly token: number;
  readonly signal: AbortSignal;
  private readonly lost = new AbortController();

  constructor(
    private readonly held: HeldKey,
    private readonly lease: Lease,
    /** Asks the work to end; leadership is held until the work has drained. */
    stepDown: AbortSignal,
  ) {
    this.token = held.createRevision;
    this.signal = AbortSignal.any([stepDown, lease.signal, this.lost.signal]);
  }

  assertHeld(): void {
    this.lease.assertAlive();
    if (this.lost.signal.aborted) throw this.lost.signal.reason;
  }

  async prove(): Promise<void> {
    this.assertHeld();
    try {
      await this.held.prove(this.lease.signal);
    } catch (error) {
      if (error instanceof LeadershipLostError) this.lost.abort(error);
      throw error;
    }
    this.assertHeld();
  }

  lose(why: string): void {
    const remedy = 'Nothing to do: Tidemark campaigns again.';
    this.lost.abort(new LeadershipLostError({ message: `leadership is lost: ${why}`, remedy }));
  }
}
