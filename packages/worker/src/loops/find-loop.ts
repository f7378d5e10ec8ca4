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

interface Hop extends RouteRegions {
  readonly link: Link;
}

/**
 * Looks for a way on which what we write comes back to us. Only a closed way is a loop: a chain of copies, in one
 * cluster or over several, comes to its end.
 *
 * @param others whoever else writes to clusters on the way, as far as it is known
 */
export function findLoop(ours: Link, others: readonly Link[]): Loop | null {
  const start = hopsOf(ours);
  const hops = [...start, ...others.flatMap(hopsOf)];
  for (const hop of start) {
    const way = wayBack(hop, hop, hops, new Set());
    if (way === null) continue;
    const through = [...new Set(way.map(({ link }) => link.origin))].filter((origin) => origin !== ours.origin);
    return { reads: hop.reads, writes: hop.writes, through };
  }
  return null;
}

function hopsOf(link: Link): Hop[] {
  return link.origin.routes.map((route) => ({ ...route, link }));
}

/** The hops behind `from` that lead back to `goal`; null when none do. */
function wayBack(from: Hop, goal: Hop, hops: readonly Hop[], seen: Set<Hop>): readonly Hop[] | null {
  if (feeds(from, goal)) return [];
  for (const next of hops) {
    if (seen.has(next) || !feeds(from, next)) continue;
    seen.add(next);
    const rest = wayBack(next, goal, hops, seen);
    if (rest !== null) return [next, ...rest];
  }
  return null;
}

function feeds(from: Hop, to: Hop): boolean {
  return from.link.writesTo === to.link.origin.source && regionsOverlap(from.writes, to.reads);
}
