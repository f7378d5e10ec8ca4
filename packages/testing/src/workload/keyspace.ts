import { Random } from './random.js';

export interface KeyAndValue {
  readonly key: string;
  readonly value: string;
}

export interface KeyspaceOptions {
  readonly seed: number;
  readonly keys: number;
}

/** All keys of the generated keyspace are below this prefix. */
export const CONFTOOL_PREFIX = '/conftool/v1/';

const SITES = ['north', 'south', 'east'] as const;
interface Cluster {
  readonly cluster: string;
  readonly services: readonly [string, ...string[]];
  readonly host: string;
}

const CLUSTERS: readonly [Cluster, ...Cluster[]] = [
  { cluster: 'web', services: ['http', 'tls'], host: 'web' },
  { cluster: 'api', services: ['http', 'tls'], host: 'api' },
  { cluster: 'search', services: ['query', 'query-tls'], host: 'search' },
  { cluster: 'media', services: ['thumbs'], host: 'media' },
  { cluster: 'edge', services: ['cdn', 'cdn-tls', 'cache'], host: 'cp' },
];

/** One in this many keys says in which sites a whole service is used; the others are one host of one service. */
const DISCOVERY_EVERY = 29;

/**
 * A keyspace of the shape that conftool keeps in etcd: `/conftool/v1/pools/<site>/<cluster>/<service>/<host>` and
 * `/conftool/v1/discovery/<service>/<site>`, small JSON values, distinct keys, the same for the same seed.
 */
export function* conftoolKeyspace({ seed, keys }: KeyspaceOptions): Generator<KeyAndValue> {
  const random = new Random(seed);
  for (let index = 0; index < keys; index += 1) {
    const site = SITES[index % SITES.length] ?? SITES[0];
    yield index % DISCOVERY_EVERY === 0 ? discovery(index, site, random) : pool(index, site, random);
  }
}

/** A value as `confctl` writes it when a host is pooled, depooled or given another weight. */
export function poolValue(random: Random): string {
  const pooled = random.chance(0.92) ? 'yes' : random.pick(['no', 'inactive']);
  const weight = random.chance(0.9) ? 10 : random.pick([1, 5, 50, 100]);
  return `{"pooled": "${pooled}", "weight": ${weight}}`;
}

function pool(index: number, site: string, random: Random): KeyAndValue {
  const { cluster, services, host } = random.pick(CLUSTERS);
  const service = random.pick(services);
  const key = `${CONFTOOL_PREFIX}pools/${site}/${cluster}/${service}/${host}${1_000 + index}.${site}.example`;
  return { key, value: poolValue(random) };
}

function discovery(index: number, site: string, random: Random): KeyAndValue {
  const key = `${CONFTOOL_PREFIX}discovery/service-${index}/${site}`;
  return { key, value: `{"pooled": ${random.chance(0.9)}, "references": [], "ttl": 300}` };
}
