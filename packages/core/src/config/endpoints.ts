/** Port that `redis://` and `rediss://` mean when they name none (IANA). */
export const REDIS_PORT = 6379;

const DEFAULT_PORTS: Readonly<Record<string, string>> = {
  'http:': '80',
  'https:': '443',
  'redis:': String(REDIS_PORT),
  'rediss:': String(REDIS_PORT),
};

/**
 * Whether two lists of URLs have a server in common, by name. A host with several names, or one that is reached through a
 * proxy, is not recognised.
 */
export function sharesEndpoint(
  a: { readonly endpoints: readonly string[] },
  b: { readonly endpoints: readonly string[] },
): boolean {
  const known = new Set(a.endpoints.map(serverOf));
  return b.endpoints.some((endpoint) => known.has(serverOf(endpoint)));
}

/** `host:port`, with `/DATABASE` for Redis. */
function serverOf(endpoint: string): string {
  const { protocol, hostname, port, pathname } = new URL(endpoint);
  const host = hostname === 'localhost' || hostname === '[::1]' ? '127.0.0.1' : hostname.toLowerCase();
  const database = protocol.startsWith('redis') ? `/${pathname.slice(1) || '0'}` : '';
  return `${host}:${port || DEFAULT_PORTS[protocol]}${database}`;
}
