import {
  Bell,
  type Clock,
  type Elector,
  type LiveNode,
  type Logger,
  type Ownership,
  type OwnershipView,
  Scope,
  systemClock,
} from '@tidemark/core';
import type { Patience, SeenNode } from './next-step.js';
import { OwnershipElector } from './ownership-elector.js';

export interface PlacementOptions {
  /** Name of this node. */
  readonly node: string;
  readonly ownership: Ownership;
  readonly patience: Patience;
  readonly logger: Logger;
  readonly clock?: Clock;
}

/** Which node works for which destination, as one node sees it: the one view that the electors of all destinations share. */
export class Placement {
  private view_: OwnershipView | null = null;
  /** When each registration was first seen, by the monotonic clock. */
  private seenSince = new Map<string, number>();
  private readonly change = new Bell();
  private readonly clock: Clock;

  constructor(readonly options: PlacementOptions) {
    this.clock = options.clock ?? systemClock;
  }

  /** Keeps the view up to date until `signal` aborts. Electors wait for it. */
  async run(signal: AbortSignal): Promise<void> {
    for await (const view of this.options.ownership.follow(signal)) this.see(view);
  }

  /** Leads while this node owns the destination: it is claimed and handed over as `nextStep` says. */
  elector(destination: string): Elector {
    const { node, ownership, patience, logger } = this.options;
    return new OwnershipElector({
      destination,
      placement: this,
      ...{ node, ownership, patience, clock: this.clock },
      logger: logger.child({ destination }),
    });
  }

  /** As last seen; null before the first answer. */
  get view(): OwnershipView | null {
    return this.view_;
  }

  /** The nodes that may own destinations, as last seen. */
  get workers(): readonly SeenNode[] {
    const now = this.clock.monotonic();
    const workers = this.view_?.nodes.filter(({ roles }) => roles.includes('worker')) ?? [];
    return workers.map((node) => ({ id: node.id, upForMs: now - (this.seenSince.get(lifeOf(node)) ?? now) }));
  }

  /**
   * Resolves when the view is another one than `seen` was, after `ms` milliseconds (null: never), or when `signal` aborts.
   */
  async changed(seen: OwnershipView | null, ms: number | null, signal: AbortSignal): Promise<void> {
    if (signal.aborted || this.view_ !== seen) return;
    if (ms === null) return await this.change.wait(signal);
    const scope = Scope.within(ms, signal);
    await this.change.wait(scope.signal);
    scope.end();
  }

  private see(view: OwnershipView): void {
    // A read may be stale (etcd #20418): what was seen later stays, as long as it is the same history.
    if (this.view_?.history === view.history && view.revision < this.view_.revision) return;
    const now = this.clock.monotonic();
    this.seenSince = new Map(view.nodes.map((node) => [lifeOf(node), this.seenSince.get(lifeOf(node)) ?? now]));
    this.view_ = view;
    this.change.ring();
  }
}

function lifeOf({ id, registration }: LiveNode): string {
  return `${id} ${registration}`;
}
