import type { DestinationState, ForeignWrite, Position } from '@tidemark/core';
import type { Hold } from './brakes/hold.js';
import type { VerifyReport } from './compare/verify.js';

/** What a destination's worker tells about itself, for status and metrics. Calls are cheap and never throw. */
export interface WorkerObserver {
  /** The state changed; `reason` is a sentence, null when the state explains itself. */
  state(state: DestinationState, reason: string | null): void;
  /** The state became `held`, or still is. Ends with the next call of `state`. */
  held(hold: Hold, reason: string): void;
  /** The destination's checkpoint as it was read. */
  stands(position: Position): void;
  /** One transaction was committed. */
  applied(transaction: { readonly puts: number; readonly deletes: number; readonly seconds: number }): void;
  /** Everything up to here is applied; `time` is when its newest part was journaled (milliseconds since the epoch). */
  reached(position: Position, time: number): void;
  /** Journaled at `time` and not applied yet. */
  waiting(time: number): void;
  fenced(): void;
  /** Somebody else wrote where only this pipeline should. */
  foreign(writes: readonly ForeignWrite[]): void;
  /** A comparison came to its end. */
  verified(report: VerifyReport): void;
}
