import {
  type Checkpoint,
  type Config,
  type Destination,
  type DestinationConfig,
  type Elector,
  type Journal,
  type Logger,
  type Metrics,
  prefixRange,
  type SharedFacts,
} from '@tidemark/core';
import { fingerprint, Route, runWorker } from '@tidemark/worker';
import { openDestination } from './backends.js';
import { type DestinationReport, DestinationStatus, type JournalView } from './destination-status.js';
import { type HopHealth, HopMonitor } from './hop-monitor.js';

export interface DestinationContext {
  readonly config: Config;
  readonly journal: Journal;
  readonly facts: SharedFacts;
  readonly elector: (key: string) => Elector;
  readonly journalView: JournalView;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

/** One destination of the configuration: campaigns to own it, and works for it while it does. */
export class OwnedDestination {
  readonly routes: readonly Route[];
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
    this.routes = compileRoutes(config);
    this.monitor = new HopMonitor(
      `destination ${config.name}`,
      (signal): Promise<Checkpoint | null> => destination.checkpoint(signal),
      this.logger,
    );
  }

  /** Opens the destination and starts campaigning for it. */
  static start(context: DestinationContext, config: DestinationConfig): OwnedDestination {
    const owned = new OwnedDestination(context, config, openDestination(context.config.name, config));
    owned.running = owned.campaign(owned.stopping.signal);
    return owned;
  }

  /** Null while another node owns it. */
  get report(): DestinationReport | null {
    return this.status?.report ?? null;
  }

  /** Null while another node owns it: then it is that node's business. */
  get health(): HopHealth | null {
    return this.status === null ? null : this.monitor.health;
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.running;
    await this.destination.close();
  }

  private async campaign(signal: AbortSignal): Promise<void> {
    const { context, config } = this;
    await context.elector(`destinations/${config.name}/`).lead((leadership) => this.own(leadership.signal), signal);
  }

  private async own(signal: AbortSignal): Promise<void> {
    const { context, config, destination, routes, logger } = this;
    const identity = { name: config.name, kind: config.kind, owner: context.config.node.id };
    const status = new DestinationStatus(identity, context.metrics, context.journalView);
    this.status = status;
    const filter = fingerprint(config.routes);
    const parts = { name: config.name, journal: context.journal, facts: context.facts, filter };
    logger.info('owning this destination');
    try {
      await Promise.all([
        runWorker({ ...parts, destination, routes, observer: status, logger }, signal),
        this.monitor.run(signal),
      ]);
    } finally {
      this.status = null;
      status.forget();
      logger.info('no longer owning this destination');
    }
  }
}

function compileRoutes(config: DestinationConfig): readonly Route[] {
  const reserved = config.kind === 'etcd' ? [prefixRange(Buffer.from(config.checkpointPrefix))] : [];
  return config.routes.map((route) => new Route(route, reserved));
}
