import {
  audit,
  EtcdGateway,
  type EtcdServer,
  localServers,
  type NatsServer,
  Pipeline,
  type Servers,
  type TidemarkNode,
  until,
} from '@tidemark/testing';
import { expect } from 'vitest';

const NAMES: readonly string[] = Array.from({ length: 48 }, (_, n) => `dc${String(n + 1).padStart(2, '0')}`);
/** The copies of all healthy destinations are below it, each below its name. */
const COPIES = '/copies/';
const ROUNDS = 30;
const CHANGES_PER_ROUND = 10;
/** Far above what a round takes on a loaded machine: only who waits for a dead destination needs so long. */
const ROUND_LIMIT_MS = 30_000;
const OWNERS = '/__tidemark/test/owners/';

interface FanOutServers {
  readonly all: Servers;
  readonly source: EtcdServer;
  /** Nodes and owners, and nothing else: what is asked of it can be counted. */
  readonly coordination: EtcdServer;
  readonly nats: NatsServer;
  readonly destination: EtcdServer;
  readonly frozen: EtcdServer;
  readonly refusing: EtcdServer;
}

/** Fifty destinations of a pipeline of three nodes: 48 in one etcd, and two in etcds of their own that will suffer. */
export class FanOut implements AsyncDisposable {
  readonly healthy = NAMES;
  readonly all: readonly string[] = [...this.healthy, 'frozen', 'refusing'];
  private rounds = 0;

  private constructor(
    readonly servers: FanOutServers,
    readonly pipeline: Pipeline,
  ) {}

  static async start(): Promise<FanOut> {
    const all = localServers();
    const etcd = () => all.etcd();
    const [source, coordination, destination] = await Promise.all([etcd(), etcd(), etcd()]);
    const [frozen, refusing, nats] = await Promise.all([etcd(), etcd(), all.nats()]);
    const configured = (name: string, server: EtcdServer, rewrite: string) => ({
      ...{ name, kind: 'etcd', endpoints: [server.url], routes: [{ prefix: '/app/', rewrite }] },
      brakes: { maxDeletes: 'off', maxDeletePercent: 'off' },
    });
    const pipeline = await Pipeline.start({
      ...{ source, nats, coordination: { endpoints: [coordination.url] } },
      destinations: [
        ...NAMES.map((name) => configured(name, destination, `${COPIES}${name}/`)),
        configured('frozen', frozen, '/app/'),
        configured('refusing', refusing, '/app/'),
      ],
    });
    return new FanOut({ all, source, coordination, nats, destination, frozen, refusing }, pipeline);
  }

  node(id: string): TidemarkNode {
    const node = this.pipeline.nodes.find((candidate) => candidate.id === id);
    if (node === undefined) throw new Error(`no node ${id}`);
    return node;
  }

  /** Who owns what, by the coordination etcd's own word. */
  async owners(): Promise<ReadonlyMap<string, string>> {
    const found = await new EtcdGateway(this.servers.coordination.url).list(OWNERS);
    return new Map([...found].map(([key, value]) => [key.slice(OWNERS.length), value.toString()]));
  }

  /** Waits until every destination is owned by the node that is best for it. */
  async placed(): Promise<ReadonlyMap<string, string>> {
    await this.pipeline.placed();
    return await this.owners();
  }

  /**
   * Writes in rounds, each after the one before has arrived everywhere it can, and returns how long each took to reach
   * every healthy destination, in milliseconds, shortest first. Judged by reading the copies.
   */
  async lags(): Promise<readonly number[]> {
    const [source, copies] = [new EtcdGateway(this.servers.source.url), new EtcdGateway(this.servers.destination.url)];
    const lags: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const value = `round ${this.rounds++}`;
      for (let n = 1; n < CHANGES_PER_ROUND; n++) await source.put(`/app/${n}`, value);
      await source.put('/app/last', value);
      const written = performance.now();
      let missing: readonly string[] = [];
      await until(
        async () => {
          const found = await copies.list(COPIES);
          missing = this.healthy.filter((name) => found.get(`${COPIES}${name}/last`)?.toString() !== value);
          return missing.length === 0;
        },
        { timeoutMs: ROUND_LIMIT_MS, everyMs: 5, describe: () => `${value} everywhere; not at ${missing.join(' ')}` },
      );
      lags.push(performance.now() - written);
    }
    return lags.toSorted((a, b) => a - b);
  }

  /** Every one of these destinations equals the source, by etcdctl. */
  async expectEqual(names: readonly string[]): Promise<void> {
    const { source, destination, frozen, refusing } = this.servers;
    for (const name of names) {
      const own = { frozen, refusing }[name];
      const result = await audit({
        source: { server: source, prefix: '/app/' },
        destination: own ? { server: own, prefix: '/app/' } : { server: destination, prefix: `${COPIES}${name}/` },
      });
      expect({ name, ...result }).toEqual({ name, keys: CHANGES_PER_ROUND, differences: [] });
    }
  }

  /** Waits until a destination has all that the source has now. */
  async caughtUp(name: string): Promise<void> {
    const revision = await new EtcdGateway(this.servers.source.url).revision();
    await this.pipeline.anyNode.reached(name, revision);
  }

  /** Requests that the coordination etcd has been sent so far, by its own count. */
  async asked(): Promise<{ reads: number; watches: number }> {
    const text = await (await fetch(`${this.servers.coordination.url}/metrics`)).text();
    const count = (method: string) => {
      const line = new RegExp(`^grpc_server_started_total\\{grpc_method="${method}",.*\\} (\\S+)$`, 'm').exec(text);
      return Number(line?.[1]);
    };
    return { reads: count('Range'), watches: count('Watch') };
  }

  /** Connections and consumers that the NATS server has, by its own count. */
  async natsClients(): Promise<{ connections: number; consumers: number }> {
    const { monitorUrl } = this.servers.nats;
    const ask = async (path: string) => (await (await fetch(`${monitorUrl}${path}`)).json()) as Record<string, number>;
    const [{ connections = 0 }, { consumers = 0 }] = await Promise.all([ask('/varz'), ask('/jsz')]);
    return { connections, consumers };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.pipeline[Symbol.asyncDispose]();
    await this.servers.all[Symbol.asyncDispose]();
  }
}
