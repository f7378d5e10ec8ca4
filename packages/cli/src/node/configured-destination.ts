import type { DestinationReport, HopHealth } from '@tidemark/api';
import {
  type Checkpoint,
  type Config,
  type Destination,
  type DestinationConfig,
  type Elector,
  type JournalReader,
  type JournalStore,
  type Logger,
  type Metrics,
  type SharedBudget,
  type SharedFacts,
  type Source,
  TidemarkError,
} from '@tidemark/core';
import { type ControlBoard, DestinationWorker, Filter, type RepairReport } from '@tidemark/worker';
import { openComparedSource, openDestination, openWriter, reservedKeys } from './backends.js';
import { DestinationStatus, type JournalView } from './destination-status.js';
import { HopMonitor } from './hop-monitor.js';
import { openLoopGuard } from './loop-guard.js';

export interface DestinationContext {
  readonly config: Config;
  /** Read together by all destinations of the node. */
  readonly journal: JournalReader;
  /** The journal itself, for its head. */
  readonly store: JournalStore;
  readonly facts: SharedFacts;
  readonly source: Source;
  /** Id of the cluster that holds elections. */
  readonly coordinationId: (signal: AbortSignal) => Promise<string>;
  readonly board: ControlBoard;
  /** Leads while this node owns the destination of this name. */
  readonly elector: (destination: string) => Elector;
  readonly journalView: JournalView;
  /** Memory for journal bytes that wait, of all destinations of this node. */
  readonly budget: SharedBudget;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

/** Only the node that owns the destination can do this. */
export class NotOwnedError extends TidemarkError {
  readonly code = 'NOT_OWNED';
}

/** One destination of the configuration: campaigns to own it, and works for it while it does. */
export class ConfiguredDestination {
  readonly filter: Filter;
  private worker: DestinationWorker | null = null;
  private status: DestinationStatus | null = null;
  private readonly monitor: HopMonitor;
  private readonly logger: Logger;
  private readonly stopping = new AbortController();
  private running: Promise<void> = Promise.resolve();

  private constructor(
    private readonly context: DestinationContext,
    readonly config: DestinationConfig,
    readonly destination: Destination,
  ) {
    this.logger = context.logger.child({ destination: config.name });
    this.filter = filterOf(config);
    this.monitor = new HopMonitor(
      `destination ${config.name}`,
      (signal): Promise<Checkpoint | null> => destination.checkpoint(signal),
      this.logger,
    );
  }

  /** Does nothing yet. */
  static open(context: DestinationContext, config: DestinationConfig): ConfiguredDestination {
    const logger = context.logger.child({ destination: config.name });
    return new ConfiguredDestination(context, config, openDestination(context.config.name, config, logger));
  }

  /** Starts campaigning for it. */
  start(): void {
    this.running = this.campaign(this.stopping.signal);
  }

  /** Null while another node owns it. */
  get report(): DestinationReport | null {
    return this.status === null ? null : { ...this.status.report, deviations: this.destination.deviations };
  }

  /** Null while another node owns it: that node reports it. */
  get health(): HopHealth | null {
    return this.status === null ? null : this.monitor.health;
  }

  /**
   * Makes some keys equal to the source.
   * @throws NotOwnedError when another node owns the destination
   */
  async repair(keys: readonly Buffer[]): Promise<RepairReport> {
    if (this.worker !== null) return await this.worker.repair(keys);
    throw new NotOwnedError({
      message: `This node does not own ${this.config.name}.`,
      remedy: 'Ask its owner; `tidemark status` shows it.',
    });
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.running;
    await this.destination.close();
  }

  private async campaign(signal: AbortSignal): Promise<void> {
    const { context, config } = this;
    await context.elector(config.name).lead((leadership) => this.own(leadership.signal), signal);
  }

  private async own(signal: AbortSignal): Promise<void> {
    const { context, config, destination, filter, logger } = this;
    const { journal, store, facts, source, board } = context;
    const identity = { name: config.name, kind: config.kind, owner: context.config.node.id };
    const status = new DestinationStatus(identity, context.metrics, context.journalView);
    this.status = status;
    const writer = openWriter(destination, logger);
    const { coordinationId } = context;
    const guardParts = { config: context.config, destinationConfig: config, destination, source, coordinationId };
    this.worker = new DestinationWorker({
      ...{ name: config.name, journal, facts, destination, filter, observer: status, logger },
      writer,
      source: openComparedSource(context.config, { source, journal: store }),
      sourceIdentity: source,
      brakes: config.brakes,
      delayMs: config.delay,
      budget: context.budget,
      verifyEveryMs: config.verifyEvery,
      repairAutomatically: config.repair === 'automatic',
      controls: board.of(config.name),
      loopGuard: openLoopGuard({ ...guardParts, writer, logger }),
    });
    logger.info('owning this destination');
    try {
      await Promise.all([this.worker.run(signal), this.monitor.run(signal)]);
    } finally {
      this.status = null;
      this.worker = null;
      status.forget();
      logger.info('no longer owning this destination');
    }
  }
}

function filterOf(config: DestinationConfig): Filter {
  return new Filter(config.routes, [reservedKeys(config)]);
}
