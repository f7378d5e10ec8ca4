import type { Position } from '@tidemark/core';
import type { WriteObserver } from '../write/observer.js';

/** What is reported of a resync. */
export interface ResyncObserver extends WriteObserver {
  /** The destination is at the snapshot, which was taken at `time` (milliseconds since the epoch). */
  reached(position: Position, time: number): void;
}
