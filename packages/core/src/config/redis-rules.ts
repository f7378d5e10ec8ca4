import type { RedisDestinationConfig } from './schema.js';

/** What is wrong with one Redis destination, by its key. */
interface RedisViolation {
  readonly key: 'kind' | 'url' | 'sentinel' | 'cluster' | 'tls' | 'keyPrefix';
  readonly reason: string;
}

/**
 * The part of a key that decides its slot in a Redis Cluster: the text between the first `{` and the next `}`. Null when
 * there is none, and the whole key decides. Rule: Redis Cluster specification, "Hash tags".
 */
export function hashTag(key: string): string | null {
  return /^[^{]*\{([^}]+)\}/.exec(key)?.[1] ?? null;
}

export function redisViolations(config: RedisDestinationConfig): RedisViolation[] {
  return [...reachedOneWay(config), ...urlMakesSense(config), ...clusterHasTag(config)];
}

function reachedOneWay(config: RedisDestinationConfig): RedisViolation[] {
  const ways = (['url', 'sentinel', 'cluster'] as const).filter((key) => config[key] !== undefined);
  if (ways.length === 1) return [];
  return [{ key: ways[1] ?? 'kind', reason: 'expected exactly one of url, sentinel and cluster' }];
}

function urlMakesSense({ url, tls }: RedisDestinationConfig): RedisViolation[] {
  if (url === undefined) return [];
  const { protocol, pathname, search, hostname } = new URL(url);
  const violations: RedisViolation[] = [];
  if (hostname === '' || search !== '' || !/^\/?\d{0,9}$/.test(pathname))
    violations.push({ key: 'url', reason: 'expected redis://HOST:PORT/DATABASE, where the database is a number' });
  if (tls !== undefined && protocol === 'redis:')
    violations.push({ key: 'url', reason: 'is not encrypted although tls is set: expected rediss://' });
  return violations;
}

function clusterHasTag({ cluster, keyPrefix }: RedisDestinationConfig): RedisViolation[] {
  if (cluster === undefined || hashTag(keyPrefix) !== null) return [];
  const reason =
    'has no hash tag: in a Redis Cluster, data and checkpoint must be in one slot, expected e.g. "{conf}:"';
  return [{ key: 'keyPrefix', reason }];
}
