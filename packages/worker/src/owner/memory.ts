import { type Checkpoint, type DestinationState, type Hold, InvariantError, type Position } from '@tidemark/core';

/** What a worker is at. */
export type Activity =
  /** `reason`: what it waits for, null when nothing keeps it. */
  | { readonly kind: 'starting'; readonly reason: string | null }
  | { readonly kind: 'resyncing'; readonly step: string }
  | { readonly kind: 'following' }
  | { readonly kind: 'held'; readonly hold: Hold; readonly reason: string }
  | { readonly kind: 'paused'; readonly reason: string }
  | { readonly kind: 'failing'; readonly permanent: boolean; readonly reason: string };

/** Why the journal does not lead on from the checkpoint: it no longer reaches back to it, or it began another generation. */
export type CutOff = 'position_lost' | 'reset';

/** What one owner knows of its destination from what has happened so far. Immutable: see `remember`. */
export interface Memory {
  readonly activity: Activity;
  /** RFC 3339: since when people see the present state. */
  readonly since: string;
  /** What the last attempts failed for, and since when (RFC 3339); null once the destination got further. */
  readonly failure: { readonly reason: string; readonly since: string } | null;
  /** As the last attempt found it; null when nothing speaks against the journal. */
  readonly cutOff: CutOff | null;
  /** Whether the destination has lost an off-journal write. */
  readonly writesLost: boolean;
  /** Id of the last order to resync that was carried out. */
  readonly carriedOut: string | null;
  /** How far the checkpoint had come when the last attempt began: see `progressOf`. */
  readonly progress: object | null;
  /** Up to here deletes were let go: they count for nothing any more. Null when none were. */
  readonly allowed: Position | null;
  /** Whether it was reported since when the changes wait that this owner found waiting. */
  readonly backlogReported: boolean;
}

/** What can happen to a destination. */
export type Outcome =
  /** An attempt has read the checkpoint. */
  | { readonly kind: 'looked'; readonly progress: object | null; readonly writesLost: boolean }
  | { readonly kind: 'backlog_reported' }
  /** It waits for somebody else than people. */
  | { readonly kind: 'waiting'; readonly reason: string }
  /** A resync has come to its next step. */
  | { readonly kind: 'resyncing'; readonly step: string }
  /** A resync is done; `order` is the id of the order that asked for it. */
  | { readonly kind: 'resynced'; readonly order: string | null }
  /** A brake, or a rewound source: nothing is written until somebody approves. */
  | { readonly kind: 'held'; readonly hold: Hold; readonly reason: string }
  /** What held it was approved, or is no longer due. */
  | { readonly kind: 'released' }
  /** The journal is applied, or nothing prevents it. */
  | { readonly kind: 'following' }
  /** What waits up to here may be applied. */
  | { readonly kind: 'let_go'; readonly upTo: Position }
  /** Something was applied. */
  | { readonly kind: 'applied' }
  /** The journal began another generation. */
  | { readonly kind: 'reset' }
  | { readonly kind: 'paused'; readonly reason: string }
  | { readonly kind: 'resumed' }
  /** An attempt failed. `permanent`: somebody has to act; it is tried again all the same. */
  | {
      readonly kind: 'failed';
      readonly reason: string;
      readonly permanent: boolean;
      /** The journal no longer reaches back to the checkpoint, or its chain is broken there. */
      readonly positionLost: boolean;
    };

/** What people see of a destination. */
export interface Condition {
  readonly state: DestinationState;
  /** A sentence; null when the state explains itself. */
  readonly reason: string | null;
  /** What waits for approval; null unless held. */
  readonly hold: Hold | null;
  /** RFC 3339: since when it is so. A destination that fails again and again has failed since the first time. */
  readonly since: string;
}

/** What an owner knows that has just begun. @param now RFC 3339 */
export function beginning(now: string): Memory {
  return {
    activity: { kind: 'starting', reason: null },
    since: now,
    failure: null,
    cutOff: null,
    writesLost: false,
    carriedOut: null,
    progress: null,
    allowed: null,
    backlogReported: false,
  };
}

/**
 * The memory after an outcome. Pure.
 *
 * @param now RFC 3339
 * @throws InvariantError when the outcome cannot happen now: a destination that is held or paused sees nothing but the end
 *   of that
 */
export function remember(memory: Memory, outcome: Outcome, now: string): Memory {
  const enter = (activity: Activity) => entered(memory, activity, now);
  switch (outcome.kind) {
    case 'looked':
      return { ...memory, progress: outcome.progress, writesLost: outcome.writesLost };
    case 'backlog_reported':
      return { ...memory, backlogReported: true };
    case 'resyncing':
      return enter({ kind: 'resyncing', step: outcome.step });
    case 'resynced':
      return { ...memory, cutOff: null, writesLost: false, carriedOut: outcome.order ?? memory.carriedOut };
    case 'held':
      return enter({ kind: 'held', hold: outcome.hold, reason: outcome.reason });
    case 'released':
    case 'resumed':
      return enter({ kind: 'starting', reason: null });
    case 'waiting':
      return enter({ kind: 'starting', reason: outcome.reason });
    case 'following':
      return memory.activity.kind === 'following' ? memory : { ...enter({ kind: 'following' }), failure: null };
    case 'let_go':
      return { ...memory, allowed: outcome.upTo };
    case 'applied':
      return memory.failure === null ? memory : { ...memory, failure: null };
    case 'reset':
      return { ...memory, cutOff: 'reset' };
    case 'paused':
      return enter({ kind: 'paused', reason: outcome.reason });
    case 'failed': {
      const { reason, permanent, positionLost } = outcome;
      // After any other failure the same checkpoint is tried again.
      return { ...enter({ kind: 'failing', permanent, reason }), cutOff: positionLost ? 'position_lost' : null };
    }
    default:
      return outcome satisfies never;
  }

  function entered(from: Memory, activity: Activity, at: string): Memory {
    assertPossible(from.activity, outcome);
    const before = stateOf(from.activity);
    const since = before === stateOf(activity) ? from.since : at;
    if (activity.kind !== 'failing') return { ...from, activity, since };
    const { reason } = activity;
    // An attempt that begins with a resync is `bootstrapping` until it fails like the one before.
    const failure = from.failure?.reason === reason ? from.failure : { reason, since };
    return { ...from, activity, since: failure.since, failure };
  }
}

/** What people see. The one place that says it. */
export function conditionOf({ activity, since }: Memory): Condition {
  const state = stateOf(activity);
  switch (activity.kind) {
    case 'following':
      return { state, reason: null, hold: null, since };
    case 'starting':
      return { state, reason: activity.reason, hold: null, since };
    case 'resyncing':
      return { state, reason: activity.step, hold: null, since };
    case 'held':
      return { state, reason: activity.reason, hold: activity.hold, since };
    case 'paused':
    case 'failing':
      return { state, reason: activity.reason, hold: null, since };
    default:
      return activity satisfies never;
  }
}

/** How far a destination has come. Neither a fence nor another attempt at the same resync is a step, although both change the checkpoint. */
export function progressOf(checkpoint: Checkpoint | null): object | null {
  if (checkpoint === null) return null;
  const { journal, position, partial, filter, resync } = checkpoint;
  return { journal, position, partial, filter, snapshot: resync?.snapshot ?? null };
}

function stateOf(activity: Activity): DestinationState {
  switch (activity.kind) {
    case 'starting':
    case 'held':
    case 'paused':
      return activity.kind;
    case 'resyncing':
      return 'bootstrapping';
    case 'following':
      return 'streaming';
    case 'failing':
      return activity.permanent ? 'failed' : 'backing_off';
    default:
      return activity satisfies never;
  }
}

/** A hold and a pause end by `released` and `resumed`, whatever comes then; neither comes without one. */
function assertPossible({ kind }: Activity, outcome: Outcome): void {
  const ends = { held: 'released', paused: 'resumed' } as const;
  const possible =
    kind === 'held' || kind === 'paused'
      ? outcome.kind === kind || outcome.kind === ends[kind]
      : outcome.kind !== 'released' && outcome.kind !== 'resumed';
  if (!possible) throw new InvariantError(`A destination that is ${kind} cannot see the outcome ${outcome.kind}.`);
}
