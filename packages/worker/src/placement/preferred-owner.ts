import { createHash } from 'node:crypto';

/**
 * The node that should own a destination, by rendezvous hashing (highest random weight): every node computes the same
 * from the names alone, and when a node comes or goes only the destinations move that it gains or loses. Null when
 * there are no nodes. The order of `nodes` does not matter.
 */
export function preferredOwner(destination: string, nodes: readonly string[]): string | null {
  return rankedOwners(destination, nodes)[0] ?? null;
}

/** All nodes, the preferred one first: who comes next when those before it do not. */
export function rankedOwners(destination: string, nodes: readonly string[]): readonly string[] {
  const weighed = nodes.map((node) => ({ node, weight: weightOf(destination, node) }));
  weighed.sort((a, b) => Buffer.compare(b.weight, a.weight));
  return weighed.map(({ node }) => node);
}

/**
 * SHA-256, compared as bytes: the same on every platform and in every version, evenly spread also over names that differ
 * in one digit (which cheap string hashes are not), and never equal for two nodes. A microsecond each.
 */
function weightOf(destination: string, node: string): Buffer {
  return createHash('sha256').update(`${node}/${destination}`).digest();
}
