import {
  Fact,
  type Hold,
  type JournalStore,
  PAUSE,
  type Pause,
  type Position,
  type ResyncOrder,
  type RouteConfig,
  type SharedFacts,
  type SourceReader,
  TidemarkError,
} from '@tidemark/core';
import {
  type Filter,
  Holds,
  holdOf,
  Orders,
  type Plan,
  planAgainstSource,
  type RefusedKey,
  type RepairReport,
  type VerifyReport,
  verify,
} from '@tidemark/worker';
import type { ConfiguredDestination } from './configured-destination.js';
import type { Destinations } from './destinations.js';

/** A repair writes what a comparison lists. Comparison and repair are repeated at most so many times. */
const REPAIR_ROUNDS = 10;

/** A destination name that the configuration does not have. */
export class UnknownDestinationError extends TidemarkError {
  readonly code = 'UNKNOWN_DESTINATION';
}

/** The hold to approve is not there, or no longer there. */
export class NothingHeldError extends TidemarkError {
  readonly code = 'NOTHING_HELD';
}

export interface RepairOutcome {
  readonly found: VerifyReport;
  readonly repaired: RepairReport;
  /** The comparison afterwards. */
  readonly left: VerifyReport;
}

/** What an operator can do about one destination. All but `repair` work on every node: orders are kept for the owner. */
export class DestinationVerbs {
  constructor(
    private readonly parts: {
      /** What destinations are compared with. */
      readonly source: SourceReader;
      readonly facts: SharedFacts;
      readonly journal: Pick<JournalStore, 'head'>;
      readonly destinations: Destinations;
      /** The hold that status shows of a destination. */
      readonly shownHold: (name: string, signal: AbortSignal) => Promise<Hold | null>;
    },
  ) {}

  async verify(name: string, signal: AbortSignal): Promise<VerifyReport> {
    const { destination, filter } = this.find(name);
    return await verify(this.parts.source, destination, filter, signal);
  }

  /** Compares, writes what differs, and compares again. Only on the node that owns the destination. @throws NotOwnedError */
  async repair(name: string, signal: AbortSignal): Promise<RepairOutcome> {
    const configured = this.find(name);
    // Comes first, so that a node that is not the owner does not compare everything in vain.
    const repaired = { ...(await configured.repair([])) };
    const found = await this.verify(name, signal);
    const refused = new Map<string, RefusedKey>();
    let left = found;
    for (let round = 0; round < REPAIR_ROUNDS; round++) {
      const keys = left.keys.map(({ key }) => key).filter((key) => !refused.has(key.toString('latin1')));
      if (keys.length === 0) break;
      const made = await configured.repair(keys);
      repaired.puts += made.puts;
      repaired.deletes += made.deletes;
      for (const each of made.refused) refused.set(each.key.toString('latin1'), each);
      left = await this.verify(name, signal);
    }
    return { found, repaired: { ...repaired, refused: [...refused.values()] }, left };
  }

  /** What a resync would change now; under other routes than the configured ones when some are given. */
  async plan(name: string, routes: readonly RouteConfig[] | null, signal: AbortSignal): Promise<Plan> {
    const { destination, filter } = this.find(name);
    const wanted = routes === null ? filter : filter.with(routes);
    const former = await this.formerFilter(name, wanted, signal);
    const waitingUpTo = await this.waitingUpTo(name, signal);
    return await planAgainstSource(this.parts.source, { destination, filter: wanted, former, waitingUpTo }, signal);
  }

  /** Where the journal ends, for a destination that is held or paused; null for one that is written to. */
  private async waitingUpTo(name: string, signal: AbortSignal): Promise<Position | null> {
    const { facts, journal } = this.parts;
    const waits = (await this.hold(name, signal)) ?? (await new Fact(facts, PAUSE, name).read(signal));
    return waits === null ? null : ((await journal.head(signal)).last?.position ?? null);
  }

  async pause(name: string, by: string, signal: AbortSignal): Promise<Pause> {
    return await this.orders(name).pause(by, signal);
  }

  async resume(name: string, signal: AbortSignal): Promise<void> {
    await this.orders(name).resume(signal);
  }

  /** Makes the owner compare the destination with a new snapshot, and write what differs. */
  async resync(name: string, by: string, signal: AbortSignal): Promise<ResyncOrder> {
    return await this.orders(name).resync(by, signal);
  }

  /**
   * The hold that waits for approval; null when there is none. The one that status shows comes first: a note can be lost
   * with the coordination etcd, or come back with it. While no owner shows one, the noted one counts.
   */
  async hold(name: string, signal: AbortSignal): Promise<Hold | null> {
    const holds = this.holds(name);
    return (await this.parts.shownHold(name, signal)) ?? (await holds.current(signal));
  }

  /**
   * Approves exactly the hold that was shown.
   * @throws NothingHeldError when there is none, or another one by now
   */
  async approve(name: string, approved: { id: string; by: string }, signal: AbortSignal): Promise<Hold> {
    const holds = this.holds(name);
    const noted = await holds.current(signal);
    // A hold of changes grows; what was shown before is a part of it.
    const matches = (each: Hold | null) => each !== null && holdOf(each, approved.id) !== null;
    const hold = matches(noted) ? noted : await this.parts.shownHold(name, signal);
    if (hold === null || !matches(hold)) {
      throw new NothingHeldError({
        message: (hold ?? noted) === null ? `${name} is not held.` : `${name} is now held for another reason.`,
        remedy: 'Look at `tidemark status`, and approve what it shows.',
      });
    }
    await holds.approve({ ...approved, at: new Date().toISOString() }, signal);
    return hold;
  }

  /** The routes under which the destination was written, where they are known and not `wanted`. */
  private async formerFilter(name: string, wanted: Filter, signal: AbortSignal): Promise<Filter | null> {
    const { destination, filter } = this.find(name);
    const written = (await destination.checkpoint(signal))?.filter;
    if (written === undefined || written === wanted.fingerprint) return null;
    if (written === filter.fingerprint) return filter;
    const routes = await this.orders(name).formerRoutes(wanted.fingerprint, signal);
    return routes.length === 0 ? null : filter.with(routes);
  }

  private holds(name: string): Holds {
    return new Holds(this.parts.facts, this.find(name).config.name);
  }

  private orders(name: string): Orders {
    return new Orders(this.parts.facts, this.find(name).config.name);
  }

  private find(name: string): ConfiguredDestination {
    const { destinations } = this.parts;
    const found = destinations.find(name);
    if (found !== null) return found;
    throw new UnknownDestinationError({
      message: `There is no destination "${name}".`,
      remedy: `Use one of: ${destinations.all.map(({ config }) => config.name).join(', ')}.`,
    });
  }
}
