import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PipelineStatus } from '@tidemark/api';
import { freePort } from '../network/ports.js';
import { guardDirectory, releaseDirectory } from '../servers/local/lifeline.js';
import { bearWitness, type Falsy, until } from '../waiting/until.js';
import { evidence } from './evidence.js';
import { TidemarkNode } from './node.js';

export interface PipelineOptions {
  /** Name of the pipeline; `test` unless given. */
  readonly name?: string;
  readonly source: { readonly url: string };
  readonly nats: { readonly url: string };
  readonly destinations: readonly object[];
  /** 3 unless given. */
  readonly nodes?: number;
  /** The roles of each node, which also says how many there are; all roles unless given. */
  readonly roles?: readonly (readonly string[])[];
  /** 2 s unless given, the shortest etcd grants: tests wait for it. */
  readonly leaseTtl?: string;
  /** More keys for `source:`, `coordination:` and `journal:`. */
  readonly sourceHop?: object;
  readonly coordination?: object;
  readonly journal?: object;
  /** Variables for the processes of the nodes. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** Several nodes of one pipeline. Disposing it kills them. */
export class Pipeline implements AsyncDisposable {
  private readonly forget = bearWitness(() => this.evidence);

  private constructor(
    readonly nodes: readonly TidemarkNode[],
    private readonly directory: string,
  ) {}

  /** Prepares the nodes; `start` starts them. */
  static async prepare(options: PipelineOptions): Promise<Pipeline> {
    const directory = mkdtempSync(join(tmpdir(), 'tidemark-nodes-'));
    guardDirectory(directory);
    const nodes: TidemarkNode[] = [];
    const count = options.roles?.length ?? options.nodes ?? 3;
    for (let index = 1; index <= count; index++) {
      const id = `node${index}`;
      const listen = `127.0.0.1:${await freePort()}`;
      const roles = options.roles?.[index - 1];
      const config = nodeConfig(options, { id, listen, ...(roles && { roles }) });
      nodes.push(new TidemarkNode(id, listen, { directory, config, environment: options.environment ?? {} }));
    }
    return new Pipeline(nodes, directory);
  }

  /** Prepares and starts. */
  static async start(options: PipelineOptions): Promise<Pipeline> {
    const pipeline = await Pipeline.prepare(options);
    await pipeline.start();
    return pipeline;
  }

  async start(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.start()));
  }

  async kill(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.kill()));
  }

  async stop(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.stop()));
  }

  /** Some node that runs. */
  get anyNode(): TidemarkNode {
    const node = this.nodes.find(({ running }) => running);
    if (node === undefined) throw new Error('no node of the pipeline runs');
    return node;
  }

  /** What is known of all its nodes: it stands in the message of every test that waits in vain while they are there. */
  get evidence(): string {
    return evidence(this.nodes);
  }

  /** Waits until some running node leads, and returns it. */
  async leader(timeoutMs = 30_000): Promise<TidemarkNode> {
    return await this.shows(
      'a leader',
      ({ leader }) => this.nodes.find(({ id, running }) => running && id === leader?.node),
      timeoutMs,
    );
  }

  /** Waits until every destination is owned by the node that is preferred for it. */
  async placed(timeoutMs = 60_000): Promise<void> {
    await this.shows(
      'every destination at its preferred owner',
      ({ destinations }) =>
        destinations.every(({ owner, preferredOwner }) => owner !== null && owner === preferredOwner),
      timeoutMs,
    );
  }

  /** Waits for a status of which `condition` makes something; whichever node runs is asked. */
  private async shows<T>(
    what: string,
    condition: (status: PipelineStatus) => T | Falsy,
    timeoutMs: number,
  ): Promise<T> {
    return await until(async () => condition(await this.anyNode.status()), { timeoutMs, describe: what });
  }

  /** Most resident memory that any node ever had, in MiB. */
  get peakRssMiB(): number {
    return Math.max(...this.nodes.map((node) => node.peakRssMiB));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.forget();
    await this.kill();
    rmSync(this.directory, { recursive: true, force: true });
    releaseDirectory(this.directory);
  }
}

/** The configuration file of one node. */
export function nodeConfig(
  options: PipelineOptions,
  node: { id: string; listen: string; roles?: readonly string[]; tokenFile?: string },
): object {
  return {
    name: options.name ?? 'test',
    source: { endpoints: [options.source.url], ...options.sourceHop },
    coordination: { leaseTtl: options.leaseTtl ?? '2s', ...options.coordination },
    journal: { servers: [options.nats.url], ...options.journal },
    node,
    destinations: options.destinations,
  };
}
