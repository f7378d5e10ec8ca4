/** The keys that begin with a prefix, without those that begin with one of the exceptions. */
export interface Region {
  readonly prefix: string;
  readonly except: readonly string[];
}

/** What a route reads at the source and writes at the destination. */
export interface RouteRegions {
  readonly reads: Region;
  readonly writes: Region;
}

/** A route, as far as it says which keys it reads and what they are called at the destination. */
export interface RoutePrefixes {
  readonly prefix: string;
  readonly rewrite?: string | undefined;
  readonly exclude: readonly string[];
}

/** What a route's prefix is called at the destination. */
export function destinationPrefix(route: Pick<RoutePrefixes, 'prefix' | 'rewrite'>): string {
  return route.rewrite ?? route.prefix;
}

/** @param checkpointPrefix what is never written at the destination; null where it has no such prefix */
export function routeRegions(route: RoutePrefixes, checkpointPrefix: string | null): RouteRegions {
  const target = destinationPrefix(route);
  const excluded = route.exclude.map((prefix) => target + prefix.slice(route.prefix.length));
  return {
    reads: { prefix: route.prefix, except: route.exclude },
    writes: { prefix: target, except: checkpointPrefix === null ? excluded : [...excluded, checkpointPrefix] },
  };
}

/** Whether some key may lie in both. Prefixes contain one another or have nothing in common. */
export function regionsOverlap(a: Region, b: Region): boolean {
  const [outer, inner] = a.prefix.length <= b.prefix.length ? [a, b] : [b, a];
  if (!inner.prefix.startsWith(outer.prefix)) return false;
  return ![...a.except, ...b.except].some((exception) => inner.prefix.startsWith(exception));
}
