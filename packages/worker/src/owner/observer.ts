import type { Position } from '@tidemark/core';
import type { ApplyObserver } from '../apply/observer.js';
import type { CompareObserver } from '../compare/observer.js';
import type { ResyncObserver } from '../resync/observer.js';
import type { Condition } from './memory.js';

/** What a destination's worker reports, for status and metrics. Calls are cheap and never throw. */
export interface WorkerObserver extends ApplyObserver, ResyncObserver, CompareObserver {
  /** What people see has changed, or is reported again. */
  condition(condition: Condition): void;
  /** The destination's checkpoint as it was read. */
  checkpointRead(position: Position): void;
  /** A write of this worker was refused because another one was there first. */
  fenced(): void;
}
