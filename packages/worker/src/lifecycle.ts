import { type DestinationState, InvariantError } from '@tidemark/core';

/** What can happen to a destination, as far as its state is concerned. */
export const LIFECYCLE_EVENTS = [
  /** It has no checkpoint the journal leads on from, or was asked to begin anew. */
  'base_needed',
  /** The journal is applied from the checkpoint on. */
  'following',
  /** A brake, or a rewound source: nothing is written until somebody approves. */
  'hold',
  /** What held it was approved, or is no longer so. */
  'release',
  'pause',
  'resume',
  /** An attempt failed, and the next one may well succeed. */
  'fault',
  /** An attempt failed, and somebody has to act. It is tried again all the same. */
  'defect',
] as const;
export type LifecycleEvent = (typeof LIFECYCLE_EVENTS)[number];

type Row = Readonly<Record<LifecycleEvent, DestinationState | null>>;

/** Events that are possible while the worker works, whichever state that is called. */
const WORKING: Row = {
  base_needed: 'bootstrapping',
  following: 'streaming',
  hold: 'held',
  release: null,
  pause: 'paused',
  resume: null,
  fault: 'backing_off',
  defect: 'failed',
};

/**
 * The life of a destination under one owner, which begins at `starting`: every state, every event, and the state that
 * follows; null for what cannot happen. The same words stand in metrics, status and documents.
 */
export const TRANSITIONS: Readonly<Record<DestinationState, Row>> = {
  starting: WORKING,
  bootstrapping: WORKING,
  streaming: WORKING,
  // Whatever ends the wait releases it first: approval, another base, a pause, a fault.
  held: {
    base_needed: null,
    following: null,
    hold: 'held',
    release: 'starting',
    pause: null,
    resume: null,
    fault: null,
    defect: null,
  },
  // Nothing is attempted, so nothing can fail.
  paused: {
    base_needed: null,
    following: null,
    hold: null,
    release: null,
    pause: 'paused',
    resume: 'starting',
    fault: null,
    defect: null,
  },
  backing_off: WORKING,
  failed: WORKING,
};

/** @throws InvariantError when the event cannot happen in this state */
export function nextState(state: DestinationState, event: LifecycleEvent): DestinationState {
  const next = TRANSITIONS[state][event];
  if (next === null) throw new InvariantError(`A destination that is ${state} cannot see the event ${event}.`);
  return next;
}
