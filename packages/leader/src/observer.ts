import type { Position, ResetReason } from '@tidemark/core';

/** What the leader reports about itself, for status and metrics. Calls are cheap and never throw. */
export interface LeaderObserver {
  elected(token: number): void;
  tookOver(term: number): void;
  /** The source delivered a revision. */
  received(revision: number): void;
  /** The journal holds everything up to here. */
  journaled(position: Position): void;
  /** The source no longer has history before this revision; 0 when it has all of it. */
  compacted(revision: number): void;
  reset(reason: ResetReason): void;
  fenced(): void;
  steppedDown(): void;
}
