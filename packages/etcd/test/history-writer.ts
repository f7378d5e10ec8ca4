import type { Change, Entry, Write } from '@tidemark/core';
import { EtcdGateway, type EtcdServer, never, Random } from '@tidemark/testing';
import { EtcdClient, EtcdKv } from '../src/index.js';

const KEYS_PER_LANE = 30;

/** Writes a random history as fast as etcd takes it, and keeps what each revision is made of. */
export class HistoryWriter implements AsyncDisposable {
  /** Revision: its changes as text, in order. */
  readonly history = new Map<number, string>();
  private readonly kv: EtcdKv;
  private readonly gateway: EtcdGateway;
  private readonly lanes: Lane[];

  constructor(server: EtcdServer, seed: number, lanes = 48) {
    this.kv = new EtcdKv(new EtcdClient({ endpoints: [server.url] }));
    this.gateway = new EtcdGateway(server.url);
    this.lanes = Array.from({ length: lanes }, (_, index) => new Lane(index, new Random(seed + index)));
  }

  get head(): number {
    return 1 + this.history.size;
  }

  /** So many revisions more, of puts, deletes and transactions. */
  async write(revisions: number, goOn: () => boolean = () => true): Promise<void> {
    let left = revisions;
    const writing = this.lanes.map(async (lane) => {
      while (left-- > 0 && goOn()) await this.writeOne(lane);
    });
    await Promise.all(writing);
  }

  /** Keys on a lease that ends: one revision per key, and one that deletes all. Nothing else may write meanwhile. */
  async writeLeased(keys: readonly string[]): Promise<void> {
    const lease = await this.gateway.grantLease(600);
    for (const key of keys) {
      const put = { kind: 'put', key: Buffer.from(key), value: Buffer.from('leased'), lease } as const;
      this.history.set(await this.gateway.transaction([put]), `${key}=leased`);
    }
    await this.gateway.revokeLease(lease);
    this.history.set(await this.gateway.revision(), [...keys].sort().join('- ').concat('-'));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kv.close();
  }

  private async writeOne(lane: Lane): Promise<void> {
    const deleted = lane.random.chance(0.02) ? lane.anyLive() : undefined;
    if (deleted !== undefined) {
      const revision = await this.gateway.delete(deleted);
      lane.live.delete(deleted);
      this.history.set(revision, `${deleted}-`);
      return;
    }
    const [checkpointKey, next] = [Buffer.from(lane.newKey()), Buffer.from('new')];
    const writes = lane.someWrites();
    const outcome = await this.kv.executeCheckpointed({ checkpointKey, expected: null, next, writes }, never);
    if (!outcome.succeeded) throw new Error(`${checkpointKey.toString()} is there already`);
    const put: Write = { kind: 'put', key: checkpointKey, value: next };
    this.history.set(outcome.revision, [...writes, put].map(changeText).join(' '));
  }
}

/** One of many writers, with keys of its own, so that it knows which of them are there. */
class Lane {
  readonly live = new Set<string>();
  private keys = 0;

  constructor(
    private readonly index: number,
    readonly random: Random,
  ) {}

  newKey(): string {
    this.keys++;
    return `/new/${this.index}/${this.keys}`;
  }

  anyLive(): string | undefined {
    return [...this.live][0];
  }

  /** Each key once; deletes only of what is there, because others change nothing. */
  someWrites(): Write[] {
    const { random, live } = this;
    if (random.chance(0.7)) return [];
    const names = new Set(
      Array.from({ length: 1 + random.below(6) }, () => `/${this.index}/${random.below(KEYS_PER_LANE)}`),
    );
    return [...names].map((name): Write => {
      const key = Buffer.from(name);
      if (live.delete(name)) return { kind: 'delete', key };
      live.add(name);
      return { kind: 'put', key, value: Buffer.from(String(random.below(1_000))) };
    });
  }
}

function changeText(change: Write | Change): string {
  return change.kind === 'put' ? `${change.key.toString()}=${change.value.toString()}` : `${change.key.toString()}-`;
}

export function entryText(entry: Entry): string {
  return entry.changes.map(changeText).join(' ');
}
