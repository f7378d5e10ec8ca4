import type { DestinationReport, JournalStatus, NodeStatus, NodeSummary, Pause, PipelineStatus } from '@tidemark/api';
import { preferredOwner } from '@tidemark/worker';

/** A destination of the configuration, and what people have ordered. */
export interface OrderedDestination {
  readonly name: string;
  readonly kind: string;
  readonly pause: Pause | null;
  /** Whether an owner has made sure, since the pause, that no transaction is in flight. */
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
    : `Pausing, as ${by} ordered at ${at}, but no node owns it: the outcome of the last transaction is not known yet.`;
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
