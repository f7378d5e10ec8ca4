import type { Position } from '@tidemark/core';
import type { WriteObserver } from '../write/observer.js';

/** What is reported while the journal is applied. */
export interface ApplyObserver extends WriteObserver {
  /** Everything up to here is applied; `time` is when its newest part was journaled (milliseconds since the epoch). */
  reached(position: Position, time: number): void;
  /** A change that was journaled at `time` is not applied yet. */
  waiting(time: number): void;
}
