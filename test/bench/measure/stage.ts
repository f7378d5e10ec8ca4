import { type EtcdServer, localServers, type NatsServer, Pipeline, TIDEMARK } from '@tidemark/testing';
import { findBinary } from '../../../scripts/lib/find-binary.mjs';
import { PeerProcess } from './peer-process.js';
import { CpuMeter, childWith } from './proc.js';

export type PeerName = 'tidemark' | 'make-mirror';

const REPLICATED_PREFIX = '/conftool/';

interface StageParts {
  readonly servers: AsyncDisposable;
  readonly source: EtcdServer;
  readonly destination: EtcdServer;
  /** Only Tidemark has one. */
  readonly nats: NatsServer | null;
  /** Directory for V8's processor profile of the Tidemark node. */
  readonly profileTo: string | null;
}

interface CommandLine {
  readonly command: string;
  readonly args: readonly string[];
}

/**
 * New servers with default settings, and one peer between them. Both peers get the same: one source, one destination,
 * one process with its default configuration. Tidemark has one nats-server besides, which is part of its price.
 */
export class Stage implements AsyncDisposable {
  readonly source: EtcdServer;
  readonly destination: EtcdServer;
  /** In the order of their making. */
  private readonly resources: AsyncDisposable[];

  private constructor(
    readonly peerName: PeerName,
    private readonly parts: StageParts,
  ) {
    this.source = parts.source;
    this.destination = parts.destination;
    this.resources = [parts.servers];
  }

  static async build(peerName: PeerName, profileTo: string | null, sourceFlags: string[] = []): Promise<Stage> {
    const servers = localServers();
    const [source, destination] = [await servers.etcd({ flags: sourceFlags }), await servers.etcd()];
    const nats = peerName === 'tidemark' ? await servers.nats() : null;
    return new Stage(peerName, { servers, source, destination, nats, profileTo });
  }

  /** Measures the servers; add the peer once it runs. */
  meter(): CpuMeter {
    const etcds = { source: childWith(this.source.url), destination: childWith(this.destination.url) };
    return new CpuMeter(this.parts.nats === null ? etcds : { ...etcds, nats: childWith('nats.conf') });
  }

  /** Makes what has to exist before the peer's process. The function that it returns starts the process. */
  async prepare(): Promise<() => PeerProcess> {
    const { nats } = this.parts;
    const commandLine = nats === null ? this.makeMirror() : await this.tidemark(nats);
    return () => {
      const peer = new PeerProcess(this.peerName, commandLine);
      this.resources.push(peer);
      return peer;
    };
  }

  /** Messages that nats-server stores, in all streams; null without one. */
  async journalMessages(): Promise<number | null> {
    const { nats } = this.parts;
    if (nats === null) return null;
    const response = await fetch(`${nats.monitorUrl}/jsz`);
    return ((await response.json()) as { messages: number }).messages;
  }

  /** Stops the peer, then the servers. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const resource of this.resources.reverse()) await resource[Symbol.asyncDispose]();
  }

  private makeMirror(): CommandLine {
    const command = findBinary('etcdctl');
    if (command === undefined) throw new Error('etcdctl is not installed');
    const args = ['--endpoints', this.source.address, 'make-mirror', '--prefix', REPLICATED_PREFIX];
    return { command, args: [...args, this.destination.address] };
  }

  private async tidemark(nats: NatsServer): Promise<CommandLine> {
    const pipeline = await Pipeline.prepare({
      source: this.source,
      nats,
      nodes: 1,
      // The configuration's own default; the testing package would choose the shortest.
      leaseTtl: '10s',
      destinations: [
        { name: 'copy', kind: 'etcd', endpoints: [this.destination.url], routes: [{ prefix: REPLICATED_PREFIX }] },
      ],
    });
    this.resources.push(pipeline);
    const [node] = pipeline.nodes;
    if (node === undefined) throw new Error('the pipeline has no node');
    const { profileTo } = this.parts;
    const profiling = profileTo === null ? [] : ['--cpu-prof', `--cpu-prof-dir=${profileTo}`];
    return { command: process.execPath, args: [...profiling, TIDEMARK, 'run', '-c', node.configFile] };
  }
}
