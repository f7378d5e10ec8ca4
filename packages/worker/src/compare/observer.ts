import type { ForeignWrite } from '@tidemark/core';
import type { VerifyReport } from './verify.js';

/** What is reported of a destination's content. Calls are cheap and never throw. */
export interface CompareObserver {
  /** Somebody else wrote where only this pipeline should. */
  foreign(writes: readonly ForeignWrite[]): void;
  /** A comparison came to its end. */
  verified(report: VerifyReport): void;
}
