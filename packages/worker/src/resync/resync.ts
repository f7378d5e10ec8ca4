import {
  type BrakesConfig,
  type Checkpoint,
  JournalHints,
  type JournalInfo,
  type JournalReader,
  type Position,
  type SharedFacts,
  SnapshotRequests,
} from '@tidemark/core';
import type { ChangesGate } from '../brakes/changes-gate.js';
import type { Gate } from '../brakes/gate.js';
import type { Orders } from '../control/orders.js';
import type { Filter } from '../routes/filter.js';
import type { OffJournalWrites } from '../write/off-journal.js';
import { applySnapshot, planResync, type ResyncTask, type SnapshotOptions } from './apply-snapshot.js';
import { findSnapshot, placeIn, type SnapshotSearch, snapshotNow } from './find-snapshot.js';
import { resyncHold } from './resync-hold.js';

export interface ResyncOptions extends Omit<SnapshotOptions, 'snapshots'> {
  /** Name of the destination. */
  readonly name: string;
  readonly journal: JournalReader;
  readonly brakes: BrakesConfig;
  /** Milliseconds that a change waits after it was journaled. */
  readonly delayMs: number;
  readonly facts: SharedFacts;
  readonly gate: Gate;
  readonly changes: ChangesGate;
  readonly orders: Orders;
  readonly offJournal: OffJournalWrites;
  /** Called with what it is at, for people. */
  readonly onStep: (step: string) => void;
}

interface From {
  /** No transaction in doubt can move it any more. */
  readonly found: Checkpoint | null;
  readonly info: JournalInfo;
  /** The journal cannot be read after this checkpoint: a snapshot of the same position would lead to the same place. */
  readonly cutOff: boolean;
  /** Whether a person ordered it, who saw the plan. */
  readonly ordered: boolean;
}

/** Brings a destination to the newest snapshot by writing what differs, where the journal does not lead on from its checkpoint. */
export class Resync {
  private readonly search: SnapshotSearch;
  private readonly parts: SnapshotOptions;

  constructor(private readonly options: ResyncOptions) {
    const { facts, name, journal, delayMs } = options;
    this.search = { name, journal, delayMs, hints: new JournalHints(facts), requests: new SnapshotRequests(facts) };
    this.parts = { ...options, snapshots: journal.snapshots };
  }

  /**
   * Waits for a snapshot, and for people where a brake holds what it would do.
   * @returns the checkpoint afterwards; null when aborted, or when another snapshot has to be chosen
   * @throws FencedError when another worker is at it
   */
  async make({ found, info, ordered, cutOff }: From, signal: AbortSignal): Promise<Checkpoint | null> {
    const { filter, brakes, gate, changes, orders, offJournal, onStep } = this.options;
    onStep('Waiting for a snapshot of the source.');
    const place = placeIn(info, found);
    const snapshot = await findSnapshot(this.search, cutOff ? next(place) : place, signal);
    if (snapshot === null) return null;
    onStep(`Comparing with snapshot ${snapshot.id}.`);
    const task = { from: found, former: await this.formerFilter(found, signal), journal: info.id, snapshot };
    const planned = await planResync(this.parts, task, signal);
    const ageMs = await changes.backlogAge(found, info, signal);
    const due = resyncHold(task, planned.plan, { filter, brakes, ordered, ageMs });
    const look = async () => (due !== null && (await this.isNewest(task, signal)) ? due : 'again');
    if (due !== null && (await gate.wait(due, look, signal)).kind !== 'approved') return null;
    onStep(`Writing what differs from snapshot ${snapshot.id}.`);
    await orders.rememberRoutes(filter.fingerprint, filter.configs, signal);
    const fence = await offJournal.begin(found, signal);
    const checkpoint = await applySnapshot(this.parts, { ...task, fence }, planned, signal);
    offJournal.done();
    await orders.forgetFormerRoutes(filter.fingerprint, signal);
    return checkpoint;
  }

  /** What is held is one resync; when there is a newer snapshot, that one has to be shown instead. */
  private async isNewest({ from, snapshot }: ResyncTask, signal: AbortSignal): Promise<boolean> {
    const newest = await snapshotNow(this.search, from, signal);
    return newest === null || newest.id === snapshot.id;
  }

  /** All routes under which something at the destination may have been written, besides those of now. */
  private async formerFilter(found: Checkpoint | null, signal: AbortSignal): Promise<Filter | null> {
    const { filter, orders } = this.options;
    // Also when the guard names the routes of now: they may have been others in between, which were given up half-way.
    if (found === null || (found.filter === filter.fingerprint && found.resync === null)) return null;
    const routes = await orders.formerRoutes(filter.fingerprint, signal);
    return routes.length === 0 ? null : filter.with(routes);
  }
}

function next(position: Position | null): Position | null {
  return position && { ...position, revision: position.revision + 1 };
}
