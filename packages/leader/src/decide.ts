import { describeError, FencedError, HistoryLostError, LeadershipLostError } from '@tidemark/core';
import type { ResetCause } from './generation.js';

/** What one leadership knows from the attempts it has made. Immutable: `afterFault` returns the next one. */
export interface Memory {
  /** What the last attempt failed with; null when it got as far as following the source. */
  readonly failure: string | null;
}

/** At the beginning, and each time the journal follows the source: the next fault is a new one. */
export const NO_FAILURE: Memory = { failure: null };

/** A fault, as far as it decides what comes next. */
export type Fault =
  /** Leadership is over, or was asked to end. */
  | { readonly kind: 'leadership_over' }
  /** The source lost history that is not journaled. */
  | { readonly kind: 'history_lost'; readonly cause: ResetCause }
  /** Another writer was there first. */
  | { readonly kind: 'fenced'; readonly reason: string }
  | { readonly kind: 'failed'; readonly reason: string };

/** What the leader does next. */
export type Step =
  | { readonly kind: 'step_down' }
  /** Take the journal over again from its head. */
  | { readonly kind: 'retry' }
  /** Begin a new generation with the writer that holds the journal. */
  | { readonly kind: 'reset'; readonly cause: ResetCause };

export interface Decision {
  readonly step: Step;
  readonly memory: Memory;
  /** Whether the log shows the fault: a lasting fault is shown once. */
  readonly isNew: boolean;
}

/**
 * The kind of an error.
 * @param during `leading`: leadership has not ended; `following`: the journal was taken over and follows the source
 */
export function faultOf(error: unknown, during: { readonly leading: boolean; readonly following: boolean }): Fault {
  if (error instanceof LeadershipLostError || !during.leading) return { kind: 'leadership_over' };
  // A snapshot that fails for lost history is tried again; only the tail shows that the journal cannot continue.
  if (error instanceof HistoryLostError && during.following) {
    return { kind: 'history_lost', cause: { reason: error.reason, evidence: error.message } };
  }
  return { kind: error instanceof FencedError ? 'fenced' : 'failed', reason: describeError(error) };
}

/** What the leader does after a fault. Pure and total; a new rule is a line here. */
export function afterFault(memory: Memory, fault: Fault): Decision {
  switch (fault.kind) {
    case 'leadership_over':
      return { step: { kind: 'step_down' }, memory, isNew: false };
    case 'history_lost':
      // The reset itself is logged.
      return { step: { kind: 'reset', cause: fault.cause }, memory, isNew: false };
    case 'fenced':
    case 'failed': {
      const { reason } = fault;
      return { step: { kind: 'retry' }, memory: { failure: reason }, isNew: reason !== memory.failure };
    }
    default:
      return fault satisfies never;
  }
}
