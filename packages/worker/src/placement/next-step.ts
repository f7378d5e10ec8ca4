import { rankedOwners } from './preferred-owner.js';

/** How patient nodes are with each other. Milliseconds. */
export interface Patience {
  /** So long the preferred node has to take a destination without an owner, before the next one may. */
  readonly graceMs: number;
  /** So long a preferred node must have been up before a destination is handed over to it. */
  readonly steadyMs: number;
}

const MAX_GRACE_MS = 5_000;
const MAX_STEADY_MS = 60_000;

/**
 * Both in units of the lease, in which nodes notice each other's death. A node that restarts in a loop is up for less
 * than three leases at a time: before that it gets nothing from the others, and so it takes nothing down when it goes.
 * The grace is what a node needs to notice and to claim, with much to spare: milliseconds, as a rule.
 */
export function patienceOf(leaseTtlMs: number): Patience {
  return { graceMs: Math.min(leaseTtlMs / 4, MAX_GRACE_MS), steadyMs: Math.min(3 * leaseTtlMs, MAX_STEADY_MS) };
}

/** A node that may own destinations, and since when it has been seen without interruption. */
export interface SeenNode {
  readonly id: string;
  readonly upForMs: number;
}

/** What one node knows of one destination. */
export interface Situation {
  readonly destination: string;
  /** This node. */
  readonly self: string;
  readonly nodes: readonly SeenNode[];
  /** The node that owns it, as last seen; null when none does. */
  readonly owner: string | null;
  /** How long it has had no owner, as far as seen. */
  readonly ownerlessForMs: number;
  /** Our own claim; null when we hold none. */
  readonly held: { readonly forMs: number } | null;
  /** How often in a row the preferred node, though up, has left it to us. */
  readonly leftToUs: number;
}

export type Step =
  | { readonly kind: 'claim'; readonly why: string; readonly outOfTurn: boolean }
  | { readonly kind: 'hand over'; readonly to: string; readonly why: string }
  /** Nothing to do before something changes, or `ms` milliseconds have passed; null: only when something changes. */
  | { readonly kind: 'wait'; readonly ms: number | null };

/** The steady time doubles at most this often: an hour at the default lease. */
const MAX_DOUBLINGS = 7;

/** What a node does next about a destination. */
export function nextStep(situation: Situation, patience: Patience): Step {
  return situation.held === null ? asCandidate(situation, patience) : asOwner(situation, situation.held, patience);
}

function asCandidate(situation: Situation, { graceMs }: Patience): Step {
  const { destination, self, nodes, owner, ownerlessForMs } = situation;
  const ranked = rankedOwners(
    destination,
    nodes.map(({ id }) => id),
  );
  const rank = ranked.indexOf(self);
  // Not registered: the others do not reckon with us.
  if (rank < 0) return { kind: 'wait', ms: null };
  // Taken by an attempt of ours whose answer was lost, or by an earlier life of this node: a claim shows which.
  if (owner === self) return { kind: 'claim', why: 'its key names this node', outOfTurn: rank > 0 };
  if (owner !== null) return { kind: 'wait', ms: null };
  if (rank === 0) return { kind: 'claim', why: 'this node is preferred', outOfTurn: false };
  // One after the other, so that at most one node tries at a time.
  const graceLeftMs = rank * graceMs - ownerlessForMs;
  if (graceLeftMs > 0) return { kind: 'wait', ms: graceLeftMs };
  const others = ranked.slice(0, rank).join(' and ');
  return { kind: 'claim', why: `${others} did not take it within ${rank * graceMs} ms`, outOfTurn: true };
}

/**
 * An owner hands over to the preferred node when that has been up for the steady time. When it is up and does not take
 * what it is given, the destination comes back after the grace, and the next attempt waits twice as long: a node that is
 * registered and cannot work, or whose configuration lacks the destination, must not drag it to and fro.
 */
function asOwner(situation: Situation, held: { readonly forMs: number }, { steadyMs }: Patience): Step {
  const { destination, self, nodes, leftToUs } = situation;
  const [first] = rankedOwners(
    destination,
    nodes.map(({ id }) => id),
  );
  const preferred = nodes.find(({ id }) => id === first);
  if (preferred === undefined || preferred.id === self || !nodes.some(({ id }) => id === self))
    return { kind: 'wait', ms: null };
  const pauseMs = leftToUs === 0 ? 0 : steadyMs * 2 ** Math.min(leftToUs - 1, MAX_DOUBLINGS);
  const leftMs = Math.max(steadyMs - preferred.upForMs, pauseMs - held.forMs);
  if (leftMs > 0) return { kind: 'wait', ms: leftMs };
  const upForS = Math.round(preferred.upForMs / 1_000);
  return { kind: 'hand over', to: preferred.id, why: `${preferred.id} is preferred and has been up for ${upForS} s` };
}
