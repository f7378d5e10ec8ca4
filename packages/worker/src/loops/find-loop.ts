import { type Origin, type Region, type RouteRegions, regionsOverlap } from '@tidemark/core';

/** An origin, and the cluster in which it was found: the one it writes to. */
export interface Link {
  readonly origin: Origin;
  /** Cluster id. */
  readonly writesTo: string;
}

/** A route of ours whose writes come back to what it reads, and through whom. */
export interface Loop {
  readonly reads: Region;
  readonly writes: Region;
  /** The others on the way, in order; none when the destination is the source itself. */
  readonly through: readonly Origin[];
}

/** What one route moves. */
interface Flow extends RouteRegions {
  readonly link: Link;
}

/**
 * Looks for a way on which what we write comes back to us. Only a closed way is a loop: a chain of copies, in one
 * cluster or over several, comes to its end.
 *
 * @param others whoever else writes to clusters on the way, as far as it is known
 */
export function findLoop(ours: Link, others: readonly Link[]): Loop | null {
  const start = flowsOf(ours);
  const flows = [...start, ...others.flatMap(flowsOf)];
  for (const flow of start) {
    const way = wayBack(flow, flow, flows, new Set());
    if (way === null) continue;
    const through = [...new Set(way.map(({ link }) => link.origin))].filter((origin) => origin !== ours.origin);
    return { reads: flow.reads, writes: flow.writes, through };
  }
  return null;
}

function flowsOf(link: Link): Flow[] {
  return link.origin.routes.map((route) => ({ ...route, link }));
}

/** The flows after `from` that lead back to `goal`; null when none do. */
function wayBack(from: Flow, goal: Flow, flows: readonly Flow[], seen: Set<Flow>): readonly Flow[] | null {
  if (feeds(from, goal)) return [];
  for (const next of flows) {
    if (seen.has(next) || !feeds(from, next)) continue;
    seen.add(next);
    const rest = wayBack(next, goal, flows, seen);
    if (rest !== null) return [next, ...rest];
  }
  return null;
}

function feeds(from: Flow, to: Flow): boolean {
  return from.link.writesTo === to.link.origin.source && regionsOverlap(from.writes, to.reads);
}
