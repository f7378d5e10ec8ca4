import type { Pause } from '@tidemark/core';
import { preferredOwner } from '@tidemark/worker';
import type { DestinationReport } from '../daemon/destination-status.js';
import type { HopHealth } from '../daemon/hop-monitor.js';
import type { LeaderReport } from '../daemon/leader-status.js';

/** What one node knows of itself: `/v1/status?scope=node`. */
export interface NodeStatus {
  readonly id: string;
  readonly listen: string;
  readonly version: string;
  readonly roles: readonly string[];
  readonly ready: boolean;
  readonly hops: readonly HopHealth[];
  /** Null unless this node leads. */
  readonly leader: LeaderReport | null;
  readonly source: { readonly revision: number | null };
  readonly journal: JournalStatus | null;
  readonly destinations: readonly DestinationReport[];
}

interface JournalStatus {
  readonly id: string;
  readonly generation: number | null;
  readonly revision: number | null;
  readonly bytes: number;
  readonly firstSequence: number;
  readonly lastSequence: number;
  readonly deviations: readonly string[];
}

/** A node of the pipeline as another node sees it. */
export interface NodeSummary {
  readonly id: string;
  readonly listen: string;
  readonly roles: readonly string[];
  readonly version: string | null;
  readonly reachable: boolean;
  readonly ready: boolean;
  /** What is wrong, as sentences; empty when nothing is. */
  readonly problems: readonly string[];
}

/** The whole pipeline: `tidemark status -o json` and `/v1/status`. A stable contract. */
export interface PipelineStatus {
  readonly pipeline: string;
  readonly leader: { readonly node: string; readonly term: number; readonly since: string } | null;
  readonly nodes: readonly NodeSummary[];
  readonly source: { readonly revision: number | null; readonly headroomRevisions: number | null };
  readonly journal: JournalStatus | null;
  readonly destinations: readonly PlacedDestination[];
}

/** A destination, and where it should be. */
export interface PlacedDestination extends DestinationReport {
  /**
   * The node that should own it, of those that are up: it is handed over when that node has been up for a while. Null
   * when no node with the role is up.
   */
  readonly preferredOwner: string | null;
  /** Who ordered it to be paused, and when; null when nobody did. It is in force when the state is `paused`. */
  readonly pause: Pause | null;
}

/** A destination of the configuration, and what people have ordered. */
export interface OrderedDestination {
  readonly name: string;
  readonly kind: string;
  readonly pause: Pause | null;
  /** Whether an owner has made sure that nothing is under way to it since it was paused. */
  readonly isQuiesced: boolean;
}

/** Merges what the nodes say of themselves. A destination nobody owns is reported as starting, or paused, without an owner. */
export function mergeStatus(
  pipeline: string,
  configured: readonly OrderedDestination[],
  nodes: readonly { readonly summary: NodeSummary; readonly status: NodeStatus | null }[],
): PipelineStatus {
  const statuses = nodes.flatMap(({ status }) => (status === null ? [] : [status]));
  const leading = statuses
    .filter(({ leader }) => leader !== null)
    .sort((a, b) => (b.leader?.term ?? 0) - (a.leader?.term ?? 0))[0];
  const revisions = statuses.flatMap(({ source }) => source.revision ?? []);
  const owned = statuses.flatMap(({ destinations }) => destinations);
  const workers = nodes.flatMap(({ summary }) => (summary.roles.includes('worker') ? [summary.id] : []));
  return {
    pipeline,
    leader: leading?.leader ? { node: leading.id, term: leading.leader.term, since: leading.leader.since } : null,
    nodes: nodes.map(({ summary }) => summary),
    source: {
      revision: revisions.length === 0 ? null : Math.max(...revisions),
      headroomRevisions: leading?.leader?.headroomRevisions ?? null,
    },
    journal: newestJournal(statuses),
    destinations: configured.map((destination) => ({
      ...(owned.find(({ name }) => name === destination.name) ?? unowned(destination)),
      preferredOwner: preferredOwner(destination.name, workers),
      pause: destination.pause,
    })),
  };
}

function unownedReason(pause: Pause | null, isQuiesced: boolean): string {
  if (pause === null) return 'No node owns this destination at the moment.';
  const { by, at } = pause;
  return isQuiesced
    ? `Paused by ${by} since ${at}. No node owns it at the moment.`
    : `Pausing, as ${by} ordered at ${at}, but no node owns it: the outcome of its last owner's last transaction is not known yet.`;
}

function newestJournal(statuses: readonly NodeStatus[]): JournalStatus | null {
  const seen = statuses.flatMap(({ journal }) => journal ?? []);
  return seen.sort((a, b) => b.lastSequence - a.lastSequence)[0] ?? null;
}

function unowned({ name, kind, pause, isQuiesced }: OrderedDestination): DestinationReport {
  const isPaused = pause !== null && isQuiesced;
  return {
    name,
    kind,
    owner: null,
    state: isPaused ? 'paused' : 'starting',
    generation: 0,
    revision: 0,
    lagRevisions: 0,
    lagSeconds: 0,
    headroomSeconds: null,
    since: isPaused ? pause.at : new Date().toISOString(),
    reason: unownedReason(pause, isQuiesced),
    hold: null,
    deviations: [],
    appliedTransactions: 0,
    appliedChanges: 0,
    foreignWrites: { count: 0, last: null, keys: [] },
    verified: null,
  };
}
