import * as z from 'zod';
import { parseJson } from '../model/parse-json.js';
import { parseDuration, parseSize } from './units.js';

/** What a value may be, as it is written in the file, and the reason. */
interface Bounds {
  readonly least: string;
  readonly most: string;
  readonly why: string;
}

const duration = (example: string, bounds: Bounds) =>
  z
    .string()
    .regex(/^\d+(\.\d+)?(ms|s|m|h|d)$/, `expected a duration such as ${example} (units: ms, s, m, h, d)`)
    .transform((text) => parseDuration(text) ?? 0)
    .refine(...within(bounds, parseDuration));

const size = (example: string, bounds: Bounds) =>
  z
    .string()
    .regex(/^\d+(\.\d+)?(B|KiB|MiB|GiB|TiB)$/, `expected a size such as ${example} (units: B, KiB, MiB, GiB, TiB)`)
    .transform((text) => parseSize(text) ?? 0)
    .refine(...within(bounds, parseSize));

function within({ least, most, why }: Bounds, parse: (text: string) => number | null) {
  const [from, to] = [parse(least) ?? 0, parse(most) ?? 0];
  return [(value: number) => value >= from && value <= to, `expected ${least} to ${most}: ${why}`] as const;
}

const name = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/,
    'expected 1 to 63 letters, digits, "-" or "_", starting with a letter or digit',
  );

const url = (schemes: readonly string[]) =>
  z
    .string()
    .refine((text) => schemes.includes(URL.canParse(text) ? new URL(text).protocol : ''), {
      message: `expected a URL that starts with ${schemes.map((scheme) => `${scheme}//`).join(' or ')}`,
      abort: true,
    })
    .refine((text) => new URL(text).username === '' && new URL(text).password === '', {
      message: 'holds a user or a password: secrets belong in files, see passwordFile and credentialsFile',
    });

const IMPOSSIBLE_PORT = 'expected a port of at most 65535';

function hasPossiblePort(address: string): boolean {
  return Number(address.slice(address.lastIndexOf(':') + 1)) <= 65_535;
}

const hostAndPort = z
  .string()
  .regex(/^(\[[0-9a-fA-F:]+\]|[^:\s@/]+):\d{1,5}$/, 'expected HOST:PORT')
  .refine(hasPossiblePort, IMPOSSIBLE_PORT);

const reservedPrefix = z.string().regex(/^.+\/$/s, 'expected a key prefix that ends with "/"');

const tls = z
  .strictObject({
    ca: z.string().optional().describe('File with the certificates that are trusted for the peer.'),
    cert: z.string().optional().describe('File with our certificate, for mutual TLS.'),
    key: z.string().optional().describe('File with the private key of `cert`.'),
  })
  .refine((value) => (value.cert === undefined) === (value.key === undefined), {
    message: 'cert and key go together: set both or neither',
  })
  .describe('TLS of this hop. Without `ca`, the system trust store is used.');

const auth = z.strictObject({
  username: z.string().min(1),
  passwordFile: z.string().min(1).describe('File that holds the password; the configuration never contains secrets.'),
});

const etcdHop = {
  endpoints: z
    .array(url(['http:', 'https:']))
    .min(1, 'expected at least one endpoint')
    .describe('Client URLs of the members.'),
  tls: tls.optional(),
  auth: auth.optional(),
};

const source = z
  .strictObject(etcdHop)
  .describe('The cluster that is replicated. Only ever read, unless coordination lives in it.');

const coordination = z
  .strictObject({
    endpoints: etcdHop.endpoints.optional().describe("Client URLs of the members; the source's when absent."),
    tls: tls.optional(),
    auth: auth.optional(),
    prefix: reservedPrefix.default('/__tidemark/').describe('Where election and node keys live. Never replicated.'),
    leaseTtl: duration('10s', {
      least: '2s',
      most: '10m',
      why: 'etcd grants no lease under 2 s, and nobody works for a node that died until it has expired',
    })
      .default(10_000)
      .describe('A node that is silent for this long has lost its roles.'),
  })
  .describe('The etcd that holds elections.');

const journal = z
  .strictObject({
    servers: z.array(url(['nats:', 'tls:'])).min(1, 'expected at least one server'),
    tls: tls.optional(),
    credentialsFile: z.string().optional().describe('NATS credentials file (user JWT and seed).'),
    replicas: z
      .union([z.literal(1), z.literal(3), z.literal(5)])
      .default(1)
      .describe('Servers that store the journal; 3 survives the loss of one.'),
    maxAge: duration('7d', {
      least: '5s',
      most: '3650d',
      why: 'records have to be read before they are removed, and NATS counts an age in nanoseconds',
    })
      .default(7 * 86_400_000)
      .describe('Records older than this are removed.'),
    maxBytes: size('8GiB', {
      least: '512KiB',
      most: '1024TiB',
      why: 'a smaller journal loses records before they are read, and no server stores a larger one',
    })
      .default(8 * 1024 ** 3)
      .describe('The oldest records are removed beyond this size.'),
    snapshotEvery: duration('6h', {
      least: '1m',
      most: '365d',
      why: 'each one reads the whole source, and an old one is a poor base',
    })
      .default(6 * 3_600_000)
      .describe('How often a complete copy of the source is stored beside the journal.'),
  })
  .describe('The NATS JetStream journal.');

const node = z
  .strictObject({
    id: name.optional().describe('Name of this node, unique in the pipeline; the host name when absent.'),
    listen: z
      .string()
      .regex(/^(\[[0-9a-fA-F:]+\]|[^:\s]+):\d{1,5}$/, 'expected HOST:PORT')
      .refine(hasPossiblePort, IMPOSSIBLE_PORT)
      .default('127.0.0.1:8686')
      .describe('Address of the admin HTTP.'),
    tokenFile: z
      .string()
      .optional()
      .describe(
        'File with the token that verbs which change something must carry, when `listen` is not a loopback address.',
      ),
    roles: z
      .array(z.enum(['leader', 'worker']))
      .min(1, 'expected leader, worker or both')
      .default(['leader', 'worker']),
  })
  .describe('This node.');

export const routeSchema = z
  .strictObject({
    prefix: z.string().describe('Keys that begin with this are replicated; "" is every key.'),
    rewrite: z
      .string()
      .optional()
      .describe(
        'What the prefix becomes at the destination; unchanged when absent. With "" the key that is equal to the prefix has no name left, and is left out.',
      ),
    exclude: z.array(z.string().min(1)).default([]).describe('Prefixes inside `prefix` that are left out.'),
    leased: z.enum(['keep', 'skip']).default('keep').describe('Keys with a lease: written as plain keys, or left out.'),
  })
  .superRefine((route, context) => {
    for (const [index, exclude] of route.exclude.entries()) {
      if (!exclude.startsWith(route.prefix)) {
        context.addIssue({
          code: 'custom',
          path: ['exclude', index],
          message: `lies outside the route: expected a prefix that begins with "${route.prefix}"`,
        });
      }
    }
  });

const off = z.literal('off').transform(() => null);
const brakes = z
  .strictObject({
    maxDeletes: z
      .union([z.int().min(1), off])
      .default(1000)
      .describe('Distinct keys deleted and not put again within `window`.'),
    maxDeletePercent: z
      .union([z.number().gt(0).max(100), off])
      .default(20)
      .describe('The same as a share of the keys, from 100 keys on.'),
    maxBacklogAge: z
      .union([
        duration('15m', {
          least: '1s',
          most: '365d',
          why: 'a change is always some moments old, and none waits longer',
        }),
        off,
      ])
      .default(null)
      .describe('Age of the oldest change that waits, at start.'),
    maxBacklogChanges: z
      .union([z.int().min(1), off])
      .default(null)
      .describe('Number of changes that wait, at start.'),
    window: duration('1m', {
      least: '1s',
      most: '7d',
      why: 'in no time nothing is deleted, and what is deleted within it is kept in memory',
    }).default(60_000),
  })
  .describe('When to stop and wait for a person. `off` turns one off.');

const destinationBase = {
  name: name.describe('Unique in the pipeline.'),
  routes: z.array(routeSchema).min(1, 'expected at least one route'),
  brakes: brakes.prefault({}),
  delay: duration('0s', { least: '0s', most: '365d', why: 'changes have to wait in the journal for so long' })
    .default(0)
    .describe('Changes wait this long before they are applied; less than `journal.maxAge`.'),
  verifyEvery: z
    .union([
      duration('24h', { least: '1s', most: '365d', why: 'each comparison reads source and destination completely' }),
      off,
    ])
    .default(null)
    .describe('How often all keys are compared with the source. Reads both completely.'),
  repair: z
    .enum(['manual', 'automatic'])
    .default('manual')
    .describe('Whether foreign writes, and what a comparison finds, are repaired without an order.'),
};

const etcdDestination = z.strictObject({
  ...destinationBase,
  ...etcdHop,
  kind: z.literal('etcd'),
  checkpointPrefix: reservedPrefix.default('/__tidemark/').describe('Where the checkpoint lives at the destination.'),
});

/** Redis calls the user that a bare `requirepass` belongs to "default". */
const redisAuth = auth.extend({ username: z.string().min(1).default('default') });

const redisDestination = z.strictObject({
  ...destinationBase,
  kind: z.literal('redis'),
  url: url(['redis:', 'rediss:']).optional().describe('One server: redis://HOST:PORT/DATABASE; rediss:// is TLS.'),
  sentinel: z
    .strictObject({
      name: z.string().min(1).describe('What the sentinels call the master.'),
      addresses: z.array(hostAndPort).min(1, 'expected at least one address').describe('The sentinels.'),
      database: z.int().min(0).default(0),
      auth: redisAuth.optional().describe('User of the sentinels themselves.'),
    })
    .optional()
    .describe('Instead of `url`: the server that sentinels name as the master.'),
  cluster: z
    .strictObject({
      addresses: z.array(hostAndPort).min(1, 'expected at least one address').describe('Some nodes of the cluster.'),
    })
    .optional()
    .describe('Instead of `url`: a Redis Cluster. keyPrefix then needs a hash tag: a script writes to one slot.'),
  tls: tls.optional(),
  auth: redisAuth.optional(),
  keyPrefix: z.string().default('').describe('Put before every key, the checkpoint included.'),
});

export const configSchema = z
  .strictObject({
    name: name.describe('Name of the pipeline: part of the stream name, the election keys and the checkpoint.'),
    source,
    coordination: coordination.prefault({}),
    journal,
    node: node.prefault({}),
    destinations: z
      .array(z.discriminatedUnion('kind', [etcdDestination, redisDestination]))
      .min(1, 'expected at least one destination'),
  })
  .describe('Configuration of a Tidemark node.');

export type ParsedConfig = z.output<typeof configSchema>;
export type BrakesConfig = z.output<typeof brakes>;
export type RouteConfig = z.output<typeof routeSchema>;
export type TlsConfig = z.output<typeof tls>;
export type AuthConfig = z.output<typeof auth>;
export type EtcdDestinationConfig = z.output<typeof etcdDestination>;
export type RedisDestinationConfig = z.output<typeof redisDestination>;
export type DestinationConfig = EtcdDestinationConfig | RedisDestinationConfig;
export type JournalConfig = z.output<typeof journal>;

/** Routes that were stored as JSON; null when the text holds none. */
export function parseRoutes(json: string): readonly RouteConfig[] | null {
  return parseJson(z.array(routeSchema).min(1), json);
}

/** How to reach one etcd cluster. */
export interface EtcdHopConfig {
  readonly endpoints: readonly string[];
  readonly tls?: TlsConfig | undefined;
  readonly auth?: AuthConfig | undefined;
}

/** JSON Schema of the file as an operator writes it, for editors. */
export function configJsonSchema(): object {
  return z.toJSONSchema(configSchema, { io: 'input' });
}
