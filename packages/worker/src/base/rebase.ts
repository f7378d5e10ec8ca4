import {
  type BrakesConfig,
  type Checkpoint,
  type Journal,
  JournalHints,
  type JournalInfo,
  type Position,
  type SharedFacts,
  SnapshotWishes,
} from '@tidemark/core';
import { baseHold } from '../brakes/base-hold.js';
import type { Gate } from '../brakes/gate.js';
import type { Amendments } from '../compare/amendments.js';
import type { Orders } from '../control/orders.js';
import type { Filter } from '../routes.js';
import { type BootstrapOptions, type BootstrapTask, bootstrap, planBootstrap } from './bootstrap.js';
import { type BaseSearch, baseNow, findBase, placeIn } from './find-base.js';

export interface RebaseOptions extends Omit<BootstrapOptions, 'snapshots'> {
  /** Name of the destination. */
  readonly name: string;
  readonly journal: Journal;
  readonly brakes: BrakesConfig;
  /** Milliseconds that a change waits after it was journaled. */
  readonly delayMs: number;
  readonly facts: SharedFacts;
  readonly gate: Gate;
  readonly orders: Orders;
  readonly amendments: Amendments;
  /** Told what it is at, for people. */
  readonly onStep: (reason: string) => void;
}

interface From {
  /** Settled: nothing is under way any more. */
  readonly found: Checkpoint | null;
  readonly info: JournalInfo;
  /** The journal cannot be read behind where it stands: a snapshot of there would lead to the same place. */
  readonly broken: boolean;
  /** Whether a person ordered it, who saw the plan. */
  readonly ordered: boolean;
}

/** Brings a destination to the newest snapshot by difference, where the journal does not lead on from its checkpoint. */
export class Rebase {
  private readonly search: BaseSearch;
  private readonly parts: BootstrapOptions;

  constructor(private readonly options: RebaseOptions) {
    const { facts, name, journal, delayMs } = options;
    this.search = { name, journal, delayMs, hints: new JournalHints(facts), wishes: new SnapshotWishes(facts) };
    this.parts = { ...options, snapshots: journal.snapshots };
  }

  /**
   * Waits for a snapshot, and for people where a brake holds what it would do.
   * @returns the checkpoint afterwards; null when aborted, or when the base has to be chosen anew
   * @throws FencedError when another worker is at it
   */
  async make({ found, info, ordered, broken }: From, signal: AbortSignal): Promise<Checkpoint | null> {
    const { filter, brakes, gate, orders, amendments, onStep } = this.options;
    onStep('Waiting for a snapshot of the source.');
    const snapshot = await findBase(this.search, broken ? behind(placeIn(info, found)) : placeIn(info, found), signal);
    if (snapshot === null) return null;
    onStep(`Comparing with snapshot ${snapshot.id}.`);
    const task = { from: found, former: await this.formerFilter(found, signal), journal: info.id, snapshot };
    const plan = await planBootstrap(this.parts, task, signal);
    const ageMs = await gate.ageBehind(found, info, signal);
    const due = baseHold(task, plan, { filter, brakes, ordered, ageMs });
    if (due !== null && !(await gate.wait(due, signal, () => this.isNewest(task, signal)))) return null;
    onStep(`Writing what differs from snapshot ${snapshot.id}.`);
    await orders.rememberRoutes(filter.fingerprint, filter.configs, signal);
    const fence = await amendments.begin(found, signal);
    const checkpoint = await bootstrap(this.parts, { ...task, fence }, plan, signal);
    amendments.done();
    await orders.forgetFormerRoutes(filter.fingerprint, signal);
    return checkpoint;
  }

  /** What is held is one base; when there is a newer one, that has to be shown instead. While there is none, it stays. */
  private async isNewest({ from, snapshot }: BootstrapTask, signal: AbortSignal): Promise<boolean> {
    const newest = await baseNow(this.search, from, signal);
    return newest === null || newest.id === snapshot.id;
  }

  /** All routes under which something at the destination may have been written, besides those of now. */
  private async formerFilter(found: Checkpoint | null, signal: AbortSignal): Promise<Filter | null> {
    const { filter, orders } = this.options;
    // Also when the mark names the routes of now: they may have been others in between, which were given up half-way.
    if (found === null || (found.filter === filter.fingerprint && found.resync === null)) return null;
    const routes = await orders.formerRoutes(filter.fingerprint, signal);
    return routes.length === 0 ? null : filter.with(routes);
  }
}

function behind(position: Position | null): Position | null {
  return position && { ...position, revision: position.revision + 1 };
}
