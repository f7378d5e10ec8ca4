import {
  aborted,
  type Config,
  coordinationPrefixes,
  createMetrics,
  describeError,
  type Journal,
  type Logger,
  loadConfig,
  type Metrics,
  SharedBudget,
  type SharedFacts,
  type Source,
} from '@tidemark/core';
import { CoordinationSession, EtcdElector, EtcdFacts, EtcdOwnership, NodeRegistry } from '@tidemark/etcd';
import { runLeader, SnapshotQueue, SourceSightings } from '@tidemark/leader';
import { ControlBoard, Placement, patienceOf } from '@tidemark/worker';
import { AdminServer } from '../admin/server.js';
import { VERSION } from '../base/version.js';
import {
  clusterIdOf,
  neverReplicated,
  openCoordination,
  openJournal,
  openSource,
  shareReading,
} from '../node/backends.js';
import { Destinations } from '../node/destinations.js';
import { HopMonitor } from '../node/hop-monitor.js';
import { JournalWatch } from '../node/journal-watch.js';
import { LeaderStatus } from '../node/leader-status.js';
import { Node } from '../node/node.js';
import { StepDownElector } from '../node/step-down.js';
import { faultyElectors } from './fault.js';
import { notifySystemd } from './notify.js';

/** A quiet journal gets a record at least this often, and at least four times within its maximum age. */
const PROGRESS_EVERY_MS = 3_600_000;
/** And no more often than this, milliseconds. */
const LEAST_PROGRESS_MS = 1_000;

/** Journal bytes that may wait in memory for all destinations of this node together. */
const WAITING_BYTES = 8 * 1024 * 1024;

export interface DaemonOptions {
  readonly config: Config;
  readonly configFile: string;
  readonly logger: Logger;
  /** Is given the function that re-reads the configuration file's destinations. */
  readonly onReload: (reload: () => void) => void;
}

/**
 * Runs a node until `signal` aborts: campaigns for leader, works for destinations, answers on the admin address. Peers
 * that cannot be reached are waited for, never a reason to end.
 * @throws ListenError when the admin address is taken
 */
export async function runDaemon(options: DaemonOptions, signal: AbortSignal): Promise<void> {
  const { config, configFile, logger } = options;
  const daemon = new Daemon(config, logger, createMetrics(config.name));
  options.onReload(() => void daemon.reload(configFile));
  await daemon.run(signal);
}

class Daemon {
  private readonly source: Source;
  private readonly journal: Journal;
  private readonly session: CoordinationSession;
  private readonly registry: NodeRegistry;
  private readonly facts: SharedFacts;
  private readonly board: ControlBoard;
  private readonly placement: Placement;
  private readonly destinations: Destinations;
  private readonly leaderElector: StepDownElector;
  private readonly leaderStatus: LeaderStatus;
  private readonly snapshotQueue = new SnapshotQueue();
  private readonly sightings = new SourceSightings();
  private readonly journalWatch: JournalWatch;
  private readonly sourceMonitor: HopMonitor;
  private readonly admin: AdminServer;

  constructor(
    private readonly config: Config,
    private readonly logger: Logger,
    metrics: Metrics,
  ) {
    const { node, coordination, name } = config;
    const prefixes = coordinationPrefixes(coordination.prefix, name);
    metrics.buildInfo.set({ version: VERSION }, 1);
    this.source = openSource(config);
    this.journal = openJournal(config, logger);
    const client = openCoordination(config);
    this.facts = new EtcdFacts(client, prefixes.facts);
    this.board = new ControlBoard(this.facts, logger);
    this.session = new CoordinationSession(client, { leaseTtlMs: coordination.leaseTtl, logger });
    this.registry = new NodeRegistry(this.session, { prefix: prefixes.nodes });
    const faulty = faultyElectors(logger);
    const candidate = node.id;
    this.leaderElector = new StepDownElector(
      faulty(new EtcdElector(this.session, { prefix: prefixes.leader, candidate, logger })),
    );
    this.placement = new Placement({
      node: node.id,
      ownership: new EtcdOwnership(this.session, { prefixes, node: node.id, logger }),
      patience: patienceOf(coordination.leaseTtl),
      logger,
    });
    this.leaderStatus = new LeaderStatus(metrics);
    this.journalWatch = new JournalWatch(this.journal, config.journal, metrics, logger);
    this.sourceMonitor = new HopMonitor('source', (signal) => this.lookAtSource(signal), logger);
    this.destinations = new Destinations({
      config,
      journal: shareReading(this.journal, logger),
      store: this.journal,
      facts: this.facts,
      source: this.source,
      coordinationId: (signal) => clusterIdOf(client, signal),
      board: this.board,
      elector: (destination) => faulty(this.placement.elector(destination)),
      journalView: this.journalWatch,
      budget: new SharedBudget(WAITING_BYTES),
      metrics,
      logger,
    });
    this.admin = new AdminServer(node, new Node({ ...this.parts(), metrics }), logger);
  }

  async run(signal: AbortSignal): Promise<void> {
    const { config, logger } = this;
    const { id, listen, roles } = config.node;
    await this.admin.listen();
    logger.info({ node: id, listen, roles, version: VERSION }, 'started');
    // Lives until the roles have ended: their keys are under the session's lease.
    const background = new AbortController();
    const announcing = this.registry.announce({ id, listen, roles, version: VERSION }, signal);
    const running = [
      this.session.run(background.signal),
      this.place(background.signal),
      this.sourceMonitor.run(background.signal),
      this.journalWatch.run(background.signal),
      this.board.run(background.signal),
    ];
    await this.destinations.configure(config.destinations);
    const leading = roles.includes('leader') ? this.lead(signal) : Promise.resolve();
    await notifySystemd('READY=1', logger);
    await aborted(signal);
    await notifySystemd('STOPPING=1', logger);
    await Promise.all([leading, this.leaveDestinations(announcing)]);
    background.abort();
    await Promise.all(running);
    await Promise.all([this.source.close(), this.journal.close(), this.session.close()]);
    await this.admin.close();
    logger.info('stopped');
  }

  /** Takes the destinations from the file. A file that is wrong changes nothing. */
  async reload(configFile: string): Promise<void> {
    const { logger } = this;
    try {
      const changes = await this.destinations.configure(loadConfig(configFile).destinations);
      logger.info({ ...changes }, 'destinations re-read; other settings need a restart');
    } catch (error) {
      logger.error({ reason: describeError(error) }, 'the configuration was not re-read, nothing has changed');
    }
  }

  /** Leaves the list of nodes first, so that the others take at once what this node gives up, and do not wait for it to come back. */
  private async leaveDestinations(announcing: Promise<void>): Promise<void> {
    await announcing;
    await this.registry.withdraw(this.config.node.id);
    await this.destinations.stopAll();
  }

  /**
   * A node that is not on its own list claims nothing. Read earlier, the list would have to be brought up to date by the
   * watch, and etcd lets a watch that begins before its newest revision wait for up to 100 ms.
   */
  private async place(signal: AbortSignal): Promise<void> {
    await this.registry.registered(signal);
    await this.placement.run(signal);
  }

  private async lookAtSource(signal: AbortSignal): Promise<void> {
    this.sightings.saw((await this.source.identity(signal)).revision, Date.now());
  }

  private lead(signal: AbortSignal): Promise<void> {
    const { config, source, journal, logger } = this;
    return runLeader(
      {
        node: config.node.id,
        source,
        journal,
        elector: this.leaderElector,
        facts: this.facts,
        snapshotQueue: this.snapshotQueue,
        sightings: this.sightings,
        reserved: neverReplicated(config),
        snapshotEveryMs: config.journal.snapshotEvery,
        progressEveryMs: progressEveryMs(config),
        logger: logger.child({ role: 'leader' }),
        observer: this.leaderStatus,
      },
      signal,
    );
  }

  private parts() {
    const { config, source, journal, facts, registry, destinations, board } = this;
    const { leaderElector, leaderStatus, snapshotQueue, journalWatch, sourceMonitor } = this;
    return {
      ...{ config, source, journal, facts, registry, destinations, board },
      ...{ leaderElector, leaderStatus, snapshotQueue, journalWatch, sourceMonitor },
    };
  }
}

/**
 * How long a quiet journal goes without a record. Its last record bounds the age of what a leader finds in history after
 * all nodes were down: at half of what a brake allows, a short absence is never taken for an old backlog.
 */
function progressEveryMs({ journal, destinations }: Config): number {
  const ages = destinations.flatMap(({ brakes }) => (brakes.maxBacklogAge === null ? [] : brakes.maxBacklogAge / 2));
  return Math.max(LEAST_PROGRESS_MS, Math.min(PROGRESS_EVERY_MS, journal.maxAge / 4, ...ages));
}
