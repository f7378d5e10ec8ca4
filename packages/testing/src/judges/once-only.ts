import type { EtcdGateway, GatewayOperation } from '../network/gateway.js';
import type { EtcdServer } from '../servers/contract.js';

/** Keys in each transaction: enough that half of one would show. */
const KEYS = 3;

export interface OnceOnlyVerdict {
  readonly violations: readonly string[];
  /** Transactions of the source that were looked at. */
  readonly transactions: number;
}

interface SeenKey {
  readonly key: string;
  readonly version: number;
  readonly modRevision: number;
}

/**
 * Writes transactions of a few keys that nobody ever writes again. At a destination these keys show what an equal
 * content does not: a key written twice has version 2, half a transaction has two revisions, and the order of two
 * transactions is the order of their revisions.
 */
export class OnceOnlyWriter {
  private written = 0;

  constructor(
    private readonly gateway: EtcdGateway,
    /** Nothing else may be written below it. */
    private readonly prefix: string,
  ) {}

  /** Writes one transaction after the other until `goOn` says no. */
  async run(goOn: () => boolean): Promise<void> {
    while (goOn()) await this.gateway.transaction(this.transaction());
  }

  /** What the destination shows of it, read by etcdctl. */
  async check(destination: Pick<EtcdServer, 'etcdctl'>): Promise<OnceOnlyVerdict> {
    const keys = await readVersions(destination, this.prefix);
    const violations = keys.flatMap(({ key, version }) =>
      version === 1 ? [] : [`${key} was written ${version} times`],
    );
    let before = 0;
    for (let transaction = 0; transaction < this.written; transaction++) {
      const ours = keys.slice(transaction * KEYS, (transaction + 1) * KEYS);
      const revisions = new Set(ours.map(({ modRevision }) => modRevision));
      const [revision = 0] = revisions;
      if (ours.length < KEYS) violations.push(`transaction ${transaction} is incomplete`);
      if (revisions.size > 1) violations.push(`transaction ${transaction} became ${revisions.size} revisions`);
      if (revision < before) violations.push(`transaction ${transaction} came before the one before it`);
      before = revision;
    }
    if (keys.length > this.written * KEYS) violations.push('there are keys that nobody wrote');
    return { violations, transactions: this.written };
  }

  private transaction(): GatewayOperation[] {
    const number = String(this.written++).padStart(9, '0');
    return Array.from({ length: KEYS }, (_, part) => ({
      kind: 'put',
      key: Buffer.from(`${this.prefix}${number}/${part}`),
      value: Buffer.from(number),
    }));
  }
}

/** In key order. */
async function readVersions(server: Pick<EtcdServer, 'etcdctl'>, prefix: string): Promise<SeenKey[]> {
  const output = await server.etcdctl(['get', prefix, '--prefix', '-w', 'json']);
  const { kvs = [] } = JSON.parse(output.toString()) as {
    kvs?: { key: string; version: number; mod_revision: number }[];
  };
  return kvs.map(({ key, version, mod_revision: modRevision }) => ({
    key: Buffer.from(key, 'base64').toString(),
    version,
    modRevision,
  }));
}
