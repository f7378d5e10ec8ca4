import type { EtcdServer } from '../servers/contract.js';

/**
 * Compares what two etcd servers hold, byte by byte, through the real etcdctl: none of the code under test takes part,
 * so it cannot agree with its own mistake.
 */

export interface AuditedRange {
  readonly server: Pick<EtcdServer, 'etcdctl'>;
  readonly prefix: string;
  /** Reads at this revision instead of the newest one. */
  readonly revision?: number;
}

export interface Audit {
  readonly source: AuditedRange;
  readonly destination: AuditedRange;
  /** Keys of the source that are not meant to be replicated, by prefix. */
  readonly exclude?: readonly string[];
}

export interface Difference {
  /** The key as the source names it, with bytes outside of printable ASCII escaped. */
  readonly key: string;
  readonly kind: 'missing' | 'extra' | 'different';
}

export interface AuditResult {
  /** Keys on the source's side that were compared: an audit of nothing proves nothing. */
  readonly keys: number;
  readonly differences: readonly Difference[];
}

/** Values by key below a prefix. Keys are latin1 strings (a character for each byte), because etcd's keys are bytes. */
export async function readKeys({ server, prefix, revision }: AuditedRange): Promise<Map<string, Buffer>> {
  const at = revision === undefined ? [] : [`--rev=${revision}`];
  const output = await server.etcdctl(['get', prefix, '--prefix', '-w', 'json', ...at]);
  const answer = JSON.parse(output.toString('utf8')) as { kvs?: { key: string; value?: string }[] };
  const bytes = (base64: string): Buffer => Buffer.from(base64, 'base64');
  // An empty value has no `value` in the JSON.
  return new Map((answer.kvs ?? []).map(({ key, value = '' }) => [bytes(key).toString('latin1'), bytes(value)]));
}

export async function audit({ source, destination, exclude = [] }: Audit): Promise<AuditResult> {
  const [all, found] = [await readKeys(source), await readKeys(destination)];
  const latin1 = (text: string): string => Buffer.from(text, 'utf8').toString('latin1');
  const [from, to] = [latin1(source.prefix), latin1(destination.prefix)];
  const excluded = exclude.map(latin1);
  const wanted = [...all].filter(([key]) => !excluded.some((prefix) => key.startsWith(prefix)));
  const asAtSource = [...found].map(([key, value]) => [from + key.slice(to.length), value] as const);
  return { keys: wanted.length, differences: differing(new Map(wanted), new Map(asAtSource)) };
}

/** Which keys differ between what should be there and what is. */
export function differing(wanted: ReadonlyMap<string, Buffer>, found: ReadonlyMap<string, Buffer>): Difference[] {
  const differences: Difference[] = [];
  for (const [key, value] of wanted) {
    const other = found.get(key);
    if (other === undefined) differences.push({ key: printable(key), kind: 'missing' });
    else if (!other.equals(value)) differences.push({ key: printable(key), kind: 'different' });
  }
  for (const key of found.keys()) if (!wanted.has(key)) differences.push({ key: printable(key), kind: 'extra' });
  return differences;
}

function printable(latin1: string): string {
  return latin1.replaceAll(/[^\x20-\x7e]/g, (byte) => `\\x${byte.charCodeAt(0).toString(16).padStart(2, '0')}`);
}
