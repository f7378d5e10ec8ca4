import {
  ApiClient,
  type HopHealth,
  type NodeStatus,
  type NodeSummary,
  NodeUnreachableError,
  type PipelineStatus,
} from '@tidemark/api';
import {
  type Config,
  describeError,
  type Hold,
  type Journal,
  type JournalInfo,
  type JournalRecord,
  type Metrics,
  type ReadFrom,
  readToEnd,
  type SharedFacts,
  type SnapshotRef,
  type Source,
  TidemarkError,
} from '@tidemark/core';
import type { NodeRegistry } from '@tidemark/etcd';
import type { SnapshotQueue } from '@tidemark/leader';
import type { ControlBoard } from '@tidemark/worker';
import { VERSION } from '../base/version.js';
import { mergeStatus } from '../status/merge.js';
import { openComparedSource } from './backends.js';
import { reportCertificates } from './certificates.js';
import { DestinationVerbs } from './destination-verbs.js';
import type { Destinations } from './destinations.js';
import type { HopMonitor } from './hop-monitor.js';
import type { JournalWatch } from './journal-watch.js';
import type { LeaderStatus } from './leader-status.js';
import type { StepDownElector } from './step-down.js';

/** Milliseconds another node gets to send its status. */
const PEER_TIMEOUT_MS = 2_000;

export interface NodeParts {
  readonly config: Config;
  readonly source: Source;
  readonly journal: Journal;
  readonly facts: SharedFacts;
  readonly destinations: Destinations;
  readonly board: ControlBoard;
  readonly leaderElector: StepDownElector;
  readonly leaderStatus: LeaderStatus;
  readonly snapshotQueue: SnapshotQueue;
  readonly journalWatch: JournalWatch;
  readonly sourceMonitor: HopMonitor;
  readonly registry: NodeRegistry;
  readonly metrics: Metrics;
}

interface Peer {
  readonly id: string;
  readonly listen: string;
  readonly roles: readonly string[];
}

/** The running node as the admin address sees it: status, and the verbs. */
export class Node {
  readonly verbs: DestinationVerbs;

  constructor(private readonly parts: NodeParts) {
    const source = openComparedSource(parts.config, parts);
    this.verbs = new DestinationVerbs({ ...parts, source, shownHold: (name, signal) => this.shownHold(name, signal) });
  }

  /** What this node needs and how it was last seen. A standby needs no destination. */
  get hops(): readonly HopHealth[] {
    const { sourceMonitor, journalWatch, destinations } = this.parts;
    return [sourceMonitor.health, journalWatch.health, ...destinations.all.flatMap(({ health }) => health ?? [])];
  }

  get ready(): boolean {
    return this.hops.every(({ reachable }) => reachable);
  }

  status(): NodeStatus {
    const { config, destinations, leaderStatus, journalWatch } = this.parts;
    const info = journalWatch.info;
    const leader = leaderStatus.report;
    return {
      id: config.node.id,
      listen: config.node.listen,
      version: VERSION,
      roles: config.node.roles,
      ready: this.ready,
      hops: this.hops,
      leader,
      source: { revision: leader?.sourceRevision ?? null },
      journal: info && {
        id: info.id,
        generation: info.last?.position.generation ?? null,
        revision: info.last?.position.revision ?? null,
        bytes: info.bytes,
        firstSequence: info.firstSequence,
        lastSequence: info.lastSequence,
        deviations: info.deviations,
      },
      destinations: destinations.all.flatMap((destination) => destination.report ?? []),
    };
  }

  /** Asks every registered node. When coordination cannot be reached, it is the status of this node alone. */
  async pipelineStatus(signal: AbortSignal): Promise<PipelineStatus> {
    const { config, destinations, board } = this.parts;
    const { peers, problem } = await this.peers(signal);
    const nodes = await Promise.all(peers.map((peer) => this.ask(peer, problem, signal)));
    const configured = destinations.configured.map(({ name, kind }) => {
      const { pause, isQuiesced } = board.of(name);
      return { name, kind, pause, isQuiesced };
    });
    return mergeStatus(config.name, configured, nodes);
  }

  /** Prometheus text; gauges that depend on the clock are brought up to date first. */
  async metrics(): Promise<string> {
    this.status();
    const { config, destinations, metrics } = this.parts;
    reportCertificates(config, destinations.configured, metrics);
    return await metrics.registry.metrics();
  }

  /** Address of the node that leads, null when none does. */
  async leaderAddress(signal: AbortSignal): Promise<string | null> {
    const { leader, nodes } = await this.pipelineStatus(signal);
    return nodes.find(({ id }) => id === leader?.node)?.listen ?? null;
  }

  /** Address of the node that owns a destination, null when none does. */
  async ownerAddress(name: string, signal: AbortSignal): Promise<string | null> {
    const { destinations, nodes } = await this.pipelineStatus(signal);
    const owner = destinations.find((destination) => destination.name === name)?.owner;
    return nodes.find(({ id }) => id === owner)?.listen ?? null;
  }

  /** Ends this node's leadership; false when it does not lead. */
  stepDown(): boolean {
    return this.parts.leaderElector.stepDown();
  }

  /** Complete snapshots, oldest first. */
  async snapshots(signal: AbortSignal): Promise<readonly SnapshotRef[]> {
    await this.parts.journal.open(signal);
    return await this.parts.journal.snapshots.list(signal);
  }

  /** Takes one now. @throws NotLeadingError: the leader does that */
  async createSnapshot(): Promise<SnapshotRef> {
    return await this.parts.snapshotQueue.order();
  }

  async journalInfo(signal: AbortSignal): Promise<JournalInfo> {
    return await this.parts.journal.info(signal);
  }

  /** Records from a source revision of the present generation on (0: all that are kept), up to the present end of the journal. */
  async *records(fromRevision: number, signal: AbortSignal): AsyncGenerator<JournalRecord> {
    const { journal } = this.parts;
    const end = await journal.info(signal);
    const { first, last } = end;
    if (first === null || last === null) return;
    const { generation } = last.position;
    const reaches = first.position.generation === generation && fromRevision - 1 > first.previous;
    const from: ReadFrom = reaches ? { after: { generation, revision: fromRevision - 1 } } : 'oldest';
    for await (const { record } of readToEnd(journal, { from, end }, signal)) yield record;
  }

  private async shownHold(name: string, signal: AbortSignal): Promise<Hold | null> {
    const { destinations } = await this.pipelineStatus(signal);
    return destinations.find((destination) => destination.name === name)?.hold ?? null;
  }

  /** All nodes; this one alone, and why, when the coordination etcd does not answer. */
  private async peers(signal: AbortSignal): Promise<{ peers: readonly Peer[]; problem: string | null }> {
    const { node } = this.parts.config;
    try {
      const registered = await this.parts.registry.list(
        AbortSignal.any([signal, AbortSignal.timeout(PEER_TIMEOUT_MS)]),
      );
      const peers = registered.some(({ id }) => id === node.id) ? registered : [...registered, node];
      return { peers, problem: null };
    } catch (error) {
      if (!(error instanceof TidemarkError)) throw error;
      return { peers: [node], problem: `coordination: the other nodes are not known: ${describeError(error)}` };
    }
  }

  private async ask(
    peer: Peer,
    problem: string | null,
    signal: AbortSignal,
  ): Promise<{ summary: NodeSummary; status: NodeStatus | null }> {
    const { id, listen, roles } = peer;
    const isOurs = id === this.parts.config.node.id;
    const { status, problems } = isOurs ? { status: this.status(), problems: [] } : await askPeer(listen, signal);
    const troubles = (status?.hops ?? []).flatMap(({ hop, reason, remedy }) =>
      reason === null ? [] : [`${hop}: ${reason}${remedy === null ? '' : ` ${remedy}`}`],
    );
    return {
      status,
      summary: {
        ...{ id, listen, roles },
        version: status?.version ?? null,
        reachable: status !== null,
        ready: status?.ready ?? false,
        problems: [...problems, ...troubles, ...(problem === null ? [] : [problem])],
      },
    };
  }
}

/** What another node says of itself, or why that is not known. */
async function askPeer(
  listen: string,
  signal: AbortSignal,
): Promise<{ status: NodeStatus | null; problems: readonly string[] }> {
  const client = new ApiClient({ listen, timeoutMs: PEER_TIMEOUT_MS, signal });
  try {
    return { status: await client.call('nodeStatus'), problems: [] };
  } catch (error) {
    if (!(error instanceof TidemarkError)) throw error;
    const isSilent = error instanceof NodeUnreachableError;
    return { status: null, problems: [isSilent ? `${listen} does not answer.` : `${error.message} ${error.remedy}`] };
  }
}
