import {
  audit,
  type ChainVerdict,
  checkChain,
  EtcdGateway,
  type EtcdServer,
  type NatsServer,
  Pipeline,
  type PipelineOptions,
  RawNats,
  readRawJournal,
  type TidemarkNode,
} from '@tidemark/testing';
import { expect } from 'vitest';

/** Servers that the cases of one file share. */
export interface SharedServers {
  readonly source: EtcdServer;
  readonly destination: EtcdServer;
  readonly nats: NatsServer;
}

/** A stream reserves its maximal size: the default would leave space for few streams on a machine's disk. */
const SMALL = { maxBytes: '64MiB' };

/** One case's pipeline from `/NAME/` of the source to `/NAME/` of the destination: cases share servers and nothing else. */
export class Stage implements AsyncDisposable {
  readonly source: EtcdGateway;
  readonly prefix: string;

  private constructor(
    readonly name: string,
    readonly pipeline: Pipeline,
    private readonly servers: SharedServers,
  ) {
    this.source = new EtcdGateway(servers.source.url);
    this.prefix = `/${name}/`;
  }

  static async prepare(name: string, servers: SharedServers, options: Partial<PipelineOptions> = {}): Promise<Stage> {
    const { source, nats } = servers;
    const destinations = [replicaOf(name, servers.destination)];
    return new Stage(
      name,
      await Pipeline.prepare({ name, source, nats, destinations, journal: SMALL, ...options }),
      servers,
    );
  }

  static async start(...parameters: Parameters<typeof Stage.prepare>): Promise<Stage> {
    const stage = await Stage.prepare(...parameters);
    await stage.pipeline.start();
    return stage;
  }

  get stream(): string {
    return `TIDEMARK_${this.name}`;
  }

  /** Puts `count` keys, each for the first time, and returns the last revision. */
  async write(what: string, count: number, value = what): Promise<number> {
    let revision = 0;
    for (let n = 0; n < count; n++) revision = await this.source.put(`${this.prefix}${what}/${n}`, value);
    return revision;
  }

  /** Waits until the destination has everything that the source has now. */
  async reached(node: TidemarkNode = this.pipeline.anyNode, timeoutMs?: number) {
    return await node.reached('replica', await this.source.revision(), timeoutMs);
  }

  /** Waits until history has begun again after `generation`, and the destination has everything. */
  async begunAnew(generation: number) {
    const wanted = { generation: generation + 1, revision: await this.source.revision() };
    return await this.pipeline.anyNode.reached('replica', wanted);
  }

  /** The destination equals the source, at least `keys` of them. */
  async expectEqual(keys: number): Promise<void> {
    const { source, destination } = this.servers;
    const { prefix } = this;
    const result = await audit({ source: { server: source, prefix }, destination: { server: destination, prefix } });
    expect(result.differences).toEqual([]);
    expect(result.keys).toBeGreaterThanOrEqual(keys);
  }

  /** Every key of the destination below `what` was put exactly so often as the source's: no effect came twice. */
  async expectSameVersions(what = ''): Promise<void> {
    const { source, destination } = this.servers;
    expect(await versions(destination, this.prefix + what)).toEqual(await versions(source, this.prefix + what));
  }

  /** The whole journal as a stranger reads it: one chain. */
  async expectOneChain(): Promise<ChainVerdict> {
    const verdict = checkChain(await readRawJournal(this.servers.nats, this.stream));
    expect(verdict.violations).toEqual([]);
    return verdict;
  }

  /** Sum of a counter's series whose labels contain `labels`, over the nodes that run. */
  async counter(name: string, labels: string): Promise<number> {
    const nodes = this.pipeline.nodes.filter(({ running }) => running);
    const texts = await Promise.all(nodes.map(async (node) => (await node.fetch('/metrics')).text()));
    const lines = texts.flatMap((text) => text.split('\n'));
    const series = lines.filter((line) => line.startsWith(`tidemark_${name}{`) && line.includes(labels));
    return series.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.pipeline[Symbol.asyncDispose]();
  }
}

/** A destination of the configuration. The checkpoint is outside of what is replicated. */
export function replicaOf(name: string, server: EtcdServer, destination = 'replica', rewrite = `/${name}/`): object {
  return {
    name: destination,
    kind: 'etcd',
    endpoints: [server.url],
    routes: [{ prefix: `/${name}/`, rewrite }],
    brakes: { maxDeletes: 'off', maxDeletePercent: 'off' },
  };
}

/** How often each key was put since it was created, by key. */
export async function versions(server: EtcdServer, prefix: string): Promise<Map<string, number>> {
  return await keyNumbers(server, prefix, 'version');
}

/** The store's revision at which each key was last put. */
export async function modRevisions(server: EtcdServer, prefix: string): Promise<Map<string, number>> {
  return await keyNumbers(server, prefix, 'mod_revision');
}

async function keyNumbers(
  server: EtcdServer,
  prefix: string,
  field: 'version' | 'mod_revision',
): Promise<Map<string, number>> {
  const output = await server.etcdctl(['get', prefix, '--prefix', '-w', 'json']);
  const { kvs = [] } = JSON.parse(output.toString('utf8')) as {
    kvs?: { key: string; version: number; mod_revision: number }[];
  };
  return new Map(kvs.map((kv) => [Buffer.from(kv.key, 'base64').toString('latin1'), kv[field]]));
}

/** Deletes a stream the way an operator's mistake does, through JetStream's JSON API. */
export async function deleteStream(nats: NatsServer, stream: string): Promise<void> {
  const connection = await RawNats.connect(nats.address);
  try {
    expect(await connection.request(`$JS.API.STREAM.DELETE.${stream}`, '')).toMatchObject({ success: true });
  } finally {
    connection.close();
  }
}
