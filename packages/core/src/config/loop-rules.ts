import { type Region, regionsOverlap, routeRegions } from '../model/region.js';
import { sharesEndpoint } from './endpoints.js';
import type { RuleViolation } from './problems.js';
import type { DestinationConfig, ParsedConfig, RedisDestinationConfig } from './schema.js';

/** A route of the file, with what it reads and writes. */
interface PlacedRoute {
  readonly destination: number;
  readonly route: number;
  /** The key of the file that sets its prefix at the destination. */
  readonly target: 'prefix' | 'rewrite';
  readonly reads: Region;
  readonly writes: Region;
}

/**
 * Routes that would copy what they wrote, write over one another, or touch Tidemark's own keys. Clusters are compared by
 * their endpoints; two names for one cluster are found at run time.
 */
export function routeClashes(config: ParsedConfig): RuleViolation[] {
  const placed = config.destinations.flatMap(placeRoutes);
  return placed.flatMap((route) =>
    [
      readsReserved(config, route),
      writesReserved(config, route),
      feedsSource(config, route, placed),
      readsCheckpoints(config, route),
      writesOverAnother(config, route, placed),
    ].filter((violation) => violation !== null),
  );
}

function placeRoutes(config: DestinationConfig, destination: number): PlacedRoute[] {
  return config.routes.map((route, index) => {
    const { reads, writes } = routeRegions(route, config.kind === 'etcd' ? config.checkpointPrefix : null);
    const before = config.kind === 'redis' ? config.keyPrefix : '';
    const named = { prefix: before + writes.prefix, except: writes.except.map((prefix) => before + prefix) };
    const target = route.rewrite === undefined ? 'prefix' : 'rewrite';
    return { destination, route: index, target, reads, writes: named };
  });
}

function readsReserved(
  { coordination }: ParsedConfig,
  { destination, route, reads }: PlacedRoute,
): RuleViolation | null {
  if (!reads.prefix.startsWith(coordination.prefix)) return null;
  return {
    path: ['destinations', destination, 'routes', route, 'prefix'],
    reason: `"${reads.prefix}" lies in coordination.prefix "${coordination.prefix}", which is Tidemark's own and never replicated`,
  };
}

/** Tidemark's own keys at the cluster: checkpoints of all destinations, and elections. */
function writesReserved(config: ParsedConfig, placed: PlacedRoute): RuleViolation | null {
  const own = config.destinations[placed.destination];
  if (own?.kind !== 'etcd') return null;
  const { prefix } = placed.writes;
  const clash = (what: string) => violation(placed, `writes to "${prefix}", ${what}`);
  if (prefix.startsWith(own.checkpointPrefix)) {
    return clash(`which lies in checkpointPrefix "${own.checkpointPrefix}": that is Tidemark's own`);
  }
  const { coordination, source } = config;
  const elections = { endpoints: coordination.endpoints ?? source.endpoints };
  if (sharesEndpoint(own, elections) && regionsOverlap(placed.writes, whole(coordination.prefix))) {
    return clash(
      `over coordination.prefix "${coordination.prefix}" of the same cluster: elections would be overwritten`,
    );
  }
  const other = config.destinations.findIndex(
    (each) =>
      each !== own &&
      each.kind === 'etcd' &&
      sharesEndpoint(own, each) &&
      regionsOverlap(placed.writes, whole(each.checkpointPrefix)),
  );
  return other < 0 ? null : clash(`over checkpointPrefix of destinations[${other}], which is at the same cluster`);
}

function feedsSource(config: ParsedConfig, placed: PlacedRoute, all: readonly PlacedRoute[]): RuleViolation | null {
  if (!atSource(config, placed.destination)) return null;
  const reader = all.find(
    ({ destination, reads }) => atSource(config, destination) && regionsOverlap(placed.writes, reads),
  );
  if (reader === undefined) return null;
  return violation(
    placed,
    `writes to "${placed.writes.prefix}" of the source itself, where ${nameOf(reader)} reads "${reader.reads.prefix}": what it writes would be copied again. Name another cluster, or prefixes that do not overlap`,
  );
}

/** A checkpoint moves with every change. Replicated, it would cause the next change, without end. */
function readsCheckpoints(config: ParsedConfig, placed: PlacedRoute): RuleViolation | null {
  const other = config.destinations.findIndex(
    (each, index) =>
      each.kind === 'etcd' &&
      atSource(config, index) &&
      regionsOverlap(placed.reads, { prefix: each.checkpointPrefix, except: [config.coordination.prefix] }),
  );
  if (other < 0) return null;
  return {
    path: ['destinations', placed.destination, 'routes', placed.route, 'prefix'],
    reason: `"${placed.reads.prefix}" reads the checkpoints of destinations[${other}], which is at the source itself: exclude its checkpointPrefix`,
  };
}

function writesOverAnother(
  { destinations }: ParsedConfig,
  placed: PlacedRoute,
  all: readonly PlacedRoute[],
): RuleViolation | null {
  const own = destinations[placed.destination];
  const other = all.find((each) => {
    const earlier = destinations[each.destination];
    if (own === undefined || earlier === undefined || each.destination >= placed.destination) return false;
    return sharesEndpoint(clusterOf(own), clusterOf(earlier)) && regionsOverlap(placed.writes, each.writes);
  });
  if (other === undefined) return null;
  return violation(
    placed,
    `writes to "${placed.writes.prefix}", which overlaps "${other.writes.prefix}" of ${nameOf(other)} at the same server: each would delete what the other wrote`,
  );
}

function violation({ destination, route, target }: PlacedRoute, reason: string): RuleViolation {
  return { path: ['destinations', destination, 'routes', route, target], reason };
}

function nameOf({ destination, route }: PlacedRoute): string {
  return `destinations[${destination}].routes[${route}]`;
}

function whole(prefix: string): Region {
  return { prefix, except: [] };
}

function atSource({ destinations, source }: ParsedConfig, index: number): boolean {
  const destination = destinations[index];
  return destination !== undefined && sharesEndpoint(clusterOf(destination), source);
}

function clusterOf(destination: DestinationConfig): { readonly endpoints: readonly string[] } {
  return destination.kind === 'etcd' ? destination : { endpoints: redisServers(destination) };
}

/** A URL for each address, whichever way the destination is reached. */
function redisServers({ url, sentinel, cluster }: RedisDestinationConfig): readonly string[] {
  const watched = sentinel?.addresses.map((address) => `redis://${address}/${sentinel.name}/${sentinel.database}`);
  const nodes = cluster?.addresses.map((address) => `redis://${address}/0`);
  return [...(url === undefined ? [] : [url]), ...(watched ?? []), ...(nodes ?? [])];
}
