import { isDeepStrictEqual } from 'node:util';
import {
  Backoff,
  type BrakesConfig,
  type Checkpoint,
  comparePositions,
  type Destination,
  type DestinationState,
  describeError,
  FencedError,
  type Journal,
  JournalChainBrokenError,
  type JournalInfo,
  JournalPositionLostError,
  type Logger,
  Scope,
  type SharedBudget,
  type SharedFacts,
  type Source,
  TidemarkError,
} from '@tidemark/core';
import { AccountedDestination, progressOf } from './apply/accounted.js';
import { commit } from './apply/applier.js';
import { type FollowFrom, follow } from './apply/follow.js';
import { Rush } from './apply/rush.js';
import { tellBacklog } from './apply/waiting.js';
import { Rebase } from './base/rebase.js';
import { Gate } from './brakes/gate.js';
import { type DueHold, Holds } from './brakes/hold.js';
import { Amendments } from './compare/amendments.js';
import { type RepairReport, repair } from './compare/repair.js';
import { verifyRegularly, watchForeignWrites } from './compare/watchers.js';
import type { Controls } from './control/board.js';
import { Errands, NotStreamingError } from './control/errands.js';
import { Orders } from './control/orders.js';
import { Standstill } from './control/standstill.js';
import { type LifecycleEvent, nextState } from './lifecycle.js';
import type { LoopGuard } from './loops/guard.js';
import type { WorkerObserver } from './observer.js';
import type { Filter } from './routes.js';

export interface WorkerOptions {
  /** Name of the destination. */
  readonly name: string;
  readonly journal: Journal;
  readonly destination: Destination;
  readonly filter: Filter;
  readonly brakes: BrakesConfig;
  /** Milliseconds that a change waits after it was journaled. */
  readonly delayMs: number;
  /** Memory for journal bytes that wait, of all destinations of this process. */
  readonly room: SharedBudget;
  /** Milliseconds between two comparisons with the source; null for none. */
  readonly verifyEveryMs: number | null;
  /** Whether foreign writes and what a comparison finds are taken back without being asked. */
  readonly repairAutomatically: boolean;
  /** For repairs and comparisons; replication itself reads the journal only. */
  readonly source: Pick<Source, 'read'>;
  readonly facts: SharedFacts;
  /** Null for a kind of destination that cannot be anybody's source. */
  readonly loopGuard: LoopGuard | null;
  readonly controls: Controls;
  readonly observer: WorkerObserver;
  readonly logger: Logger;
}

/** So long an owner that leaves tries to shut out what was not answered, milliseconds. Otherwise the next one is refused once. */
const LEAVE_MS = 1_000;

/** Keeps one destination equal to the source under its routes. Faults are retried for ever. */
export class DestinationWorker {
  private state: DestinationState = 'starting';
  /** The journal cannot bring the destination further from where it stands. */
  private needsBase = false;
  private trouble: string | null = null;
  /** Whether it was told since when changes wait that this owner found waiting. */
  private backlogTold = false;
  /** Whether the log has it that the destination lost what was written to it. */
  private lossTold = false;
  /** The last order to resync that was carried out. */
  private resynced: string | null = null;
  /** Where the destination stood at the last attempt. */
  private stood: object | null = null;
  /** Ends the present attempt, so that orders are looked at. */
  private attempt: Scope | null = null;
  private readonly rush: Rush;
  private readonly holds: Holds;
  private readonly orders: Orders;
  private readonly amendments: Amendments;
  private readonly standstill: Standstill;
  private readonly rebase: Rebase;
  private readonly gate: Gate;
  private readonly errands = new Errands<readonly Buffer[], RepairReport>(() => this.attempt?.end());
  private readonly backoff = new Backoff({ initialMs: 100, maxMs: 10_000 });
  private readonly options: WorkerOptions & { readonly destination: AccountedDestination };

  constructor(options: WorkerOptions) {
    const { facts, name, delayMs, observer } = options;
    const destination = new AccountedDestination(options.destination, options.logger);
    this.options = { ...options, destination };
    this.rush = new Rush(delayMs);
    this.holds = new Holds(facts, name);
    this.orders = new Orders(facts, name);
    this.amendments = new Amendments(facts, name);
    this.gate = new Gate({
      ...options,
      holds: this.holds,
      shutOut: (signal) => destination.settleAll(signal),
      onHeld: (hold, reason) => {
        this.state = nextState(this.state, 'hold');
        observer.held(hold, reason);
        // Who ordered something would wait as long as people do.
        this.errands.refuse(this.notStreaming());
      },
      onReleased: () => this.enter('release', null),
    });
    const enter = (event: LifecycleEvent, reason: string | null) => {
      this.enter(event, reason);
      this.errands.refuse(this.notStreaming());
    };
    const { gate, orders, amendments } = this;
    this.standstill = new Standstill({ ...this.options, orders, enter });
    const onStep = (reason: string) => enter('base_needed', reason);
    this.rebase = new Rebase({ ...this.options, gate, orders, amendments, onStep });
  }

  /** Works until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { options } = this;
    options.observer.state('starting', null);
    await options.controls.ready(signal);
    const repairKeys = options.repairAutomatically ? (keys: readonly Buffer[]) => this.repair(keys) : null;
    const watching = { ...options, repair: repairKeys, busy: () => this.isBusy };
    await Promise.all([
      this.work(signal),
      this.attend(signal),
      watchForeignWrites(watching, signal),
      verifyRegularly(watching, signal),
      options.loopGuard?.watch(() => this.attempt?.end(), signal),
    ]);
  }

  /**
   * Makes some keys equal to the source at the destination's position.
   * @throws NotStreamingError when it is not streaming now
   */
  async repair(keys: readonly Buffer[]): Promise<RepairReport> {
    if (this.state !== 'streaming') throw this.notStreaming();
    return await this.errands.order(keys);
  }

  private async work(signal: AbortSignal): Promise<void> {
    try {
      while (!signal.aborted)
        await (this.options.controls.pause === null ? this.tryOnce(signal) : this.standstill.keep(signal));
    } finally {
      await this.leave();
      const message = `This node no longer works for ${this.options.name}.`;
      this.errands.close(new NotStreamingError({ message, remedy: 'Ask its owner: see `tidemark status`.' }));
    }
  }

  /** Before the destination is handed over. */
  private async leave(): Promise<void> {
    const { destination, logger } = this.options;
    if (!destination.isUncertain) return;
    try {
      await destination.settle(AbortSignal.timeout(LEAVE_MS));
    } catch (error) {
      // The next owner shuts it out before it tells of a pause.
      logger.warn({ reason: describeError(error) }, 'left with a transaction that was not answered');
    }
  }

  private async tryOnce(signal: AbortSignal): Promise<void> {
    const attempt = new Scope(signal);
    this.attempt = attempt;
    try {
      await this.replicate(attempt.signal);
      this.trouble = null;
    } catch (error) {
      if (!attempt.signal.aborted) await this.endure(error, attempt.signal);
    } finally {
      attempt.end();
    }
  }

  /** Ends the present attempt when an order has come. */
  private async attend(signal: AbortSignal): Promise<void> {
    const { controls } = this.options;
    let known = { paused: controls.pause !== null, resync: controls.resync?.id };
    while (!signal.aborted) {
      await controls.changed(signal);
      const now = { paused: controls.pause !== null, resync: controls.resync?.id };
      const ordered = now.paused !== known.paused || (now.resync !== undefined && now.resync !== known.resync);
      known = now;
      if (ordered) this.attempt?.end();
    }
  }

  private async endure(error: unknown, signal: AbortSignal): Promise<void> {
    const { observer, logger } = this.options;
    if (error instanceof FencedError) observer.fenced();
    // History the destination needs is gone from the journal; after anything else the same checkpoint is tried again.
    this.needsBase = error instanceof JournalPositionLostError || error instanceof JournalChainBrokenError;
    const description = describeError(error);
    if (description !== this.trouble) logger.warn({ err: error }, 'applying stopped, will try again');
    this.trouble = description;
    const known = error instanceof TidemarkError;
    this.enter(known && error.permanent ? 'defect' : 'fault', known ? `${description} ${error.remedy}` : description);
    this.errands.refuse(error);
    await this.backoff.wait(signal);
  }

  /** From the destination's checkpoint to the next reset, hold, order or fault. */
  private async replicate(signal: AbortSignal): Promise<void> {
    const { journal, destination, observer, controls, loopGuard, logger } = this.options;
    await loopGuard?.check(signal);
    await journal.open(signal);
    const info = await journal.info(signal);
    // What an earlier attempt left on its way must not land behind what people are told from here on.
    const found = await destination.settle(signal);
    if (found !== null) observer.stands(found.position);
    // Something was applied since: the next fault is a new one.
    const stands = progressOf(found);
    if (!isDeepStrictEqual(stands, this.stood)) this.backoff.reset();
    this.stood = stands;
    // What the board shows may be half a second old.
    const order = controls.resync;
    const ordered = order !== null && order.id !== this.resynced;
    const lost = await this.amendments.isLost(found, signal);
    if (lost && !this.lossTold) {
      logger.warn({ ...found?.fence }, 'a base or repair that was noted is not here: lost, or never made');
    }
    this.lossTold = lost;
    const follows = !ordered && !lost && this.canFollow(found, info);
    const beforeWaiting = () => this.tellBacklog(found, info, signal);
    if (!follows) await beforeWaiting();
    const checkpoint = follows
      ? found
      : await this.rebase.make({ found, info, ordered, broken: this.needsBase }, signal);
    if (checkpoint === null) return;
    if (ordered) this.resynced = order.id;
    // Also when an earlier attempt could not tell: whoever owns the destination next would carry it out once more.
    if (order !== null) await this.orders.resynced(order, signal);
    this.needsBase = false;
    const passed = await this.gate.passChanges({ checkpoint, info, beforeWaiting }, signal);
    if (passed === 'aborted') return;
    // Both may have taken days, in which retention goes on and a journal can be replaced.
    const now = await journal.info(signal);
    if (now.id !== info.id) return;
    const waits = now.last !== null && comparePositions(now.last.position, checkpoint.position) > 0;
    const told = await this.tellUnmade(checkpoint, signal);
    // What failed is tried again, and says nothing until it has succeeded.
    if (!this.isFailing || !waits) this.goOn();
    const standing = await this.runErrands(told, signal);
    if (standing === null) return;
    logger.info({ ...standing.position }, 'applying from here');
    const approval = passed === 'free' ? null : this.approvalOf(passed, signal);
    const onReached = (time: number) => {
      this.rush.reached(time);
      this.goOn();
    };
    const end = await follow(
      { ...this.options, onReached, onIdle: () => this.goOn() },
      // Before a base the journal may be what made it necessary.
      { checkpoint: standing, readableFrom: follows ? await this.beginning(standing, now, signal) : null, approval },
      signal,
    );
    if (end.kind === 'held') await this.gate.holdChanges(info.id, end.at, end.exceeded, signal);
    this.needsBase = end.kind === 'reset';
  }

  /** Once, and only where it is not followed: what follows the journal tells it. */
  private async tellBacklog(found: Checkpoint | null, info: JournalInfo, signal: AbortSignal): Promise<void> {
    if (found === null || this.backlogTold) return;
    this.backlogTold = true;
    await tellBacklog(this.options, { found, info }, signal);
  }

  /** Brings the checkpoint up to an amendment that was noted and never made. Returns the checkpoint afterwards. */
  private async tellUnmade(checkpoint: Checkpoint, signal: AbortSignal): Promise<Checkpoint> {
    const { destination, observer } = this.options;
    const fence = this.amendments.unmade(checkpoint);
    if (fence === null) return checkpoint;
    const next = { ...checkpoint, fence };
    await commit(destination, { writes: [], expected: checkpoint, next }, observer, signal);
    this.amendments.done();
    return next;
  }

  /** The checkpoint afterwards; null when it has to be read anew. */
  private async runErrands(checkpoint: Checkpoint, signal: AbortSignal): Promise<Checkpoint | null> {
    // Its first parts are newer than the position: to repair them by it would take them back, for good.
    if (checkpoint.partial !== null) this.errands.refuse(this.notStreaming());
    let standing: Checkpoint | null = checkpoint;
    await this.errands.carryOut(async (keys) => {
      if (standing === null) throw this.notStreaming();
      const at = standing;
      standing = null;
      const { report, checkpoint: repaired } = await repair(
        { ...this.options, amendments: this.amendments },
        { checkpoint: at, keys },
        signal,
      );
      standing = repaired;
      return report;
    });
    return standing;
  }

  /** From which revision on the journal has this generation; null when that is not known. */
  private async beginning(
    { position }: Checkpoint,
    { first }: JournalInfo,
    signal: AbortSignal,
  ): Promise<number | null> {
    const { journal } = this.options;
    if (first?.position.generation === position.generation) return first.previous;
    // It began within the journal, with a snapshot.
    const snapshots = (await journal.snapshots.list(signal)).map((snapshot) => snapshot.position);
    const own = snapshots.filter(({ generation }) => generation === position.generation);
    return own.length === 0 ? null : Math.min(...own.map(({ revision }) => revision));
  }

  private canFollow(found: Checkpoint | null, info: JournalInfo): boolean {
    const { filter } = this.options;
    const settled = found !== null && found.resync === null && found.filter === filter.fingerprint;
    return !this.needsBase && settled && found.journal === info.id;
  }

  /** Ends by itself when everything that was approved is applied. A note that stays is recognised by its position. */
  private approvalOf({ id, upTo }: DueHold, signal: AbortSignal): FollowFrom['approval'] {
    const spent = () => {
      this.holds.clear(id, signal).catch((error: unknown) => {
        this.options.logger.debug({ reason: describeError(error) }, 'the note of a hold stays');
      });
    };
    return { revision: upTo?.revision ?? 0, spent };
  }

  /** Nothing stands in the way of what the journal holds. */
  private goOn(): void {
    if (this.state === 'streaming') return;
    // The same fault would be another one from here on.
    this.trouble = null;
    this.enter('following', null);
  }

  private get isFailing(): boolean {
    return this.state === 'failed' || this.state === 'backing_off';
  }

  private enter(event: LifecycleEvent, reason: string | null): void {
    this.state = nextState(this.state, event);
    this.options.observer.state(this.state, reason);
  }

  /** Whether the destination is being brought up, from nothing or from far behind. */
  private get isBusy(): boolean {
    if (this.state === 'streaming') return this.rush.isOn;
    return this.state === 'starting' || this.state === 'bootstrapping';
  }

  private notStreaming(): NotStreamingError {
    const { name } = this.options;
    return new NotStreamingError({
      message: `${name} is ${this.state}: it can only be repaired while it is streaming.`,
      remedy: `Try again once it is; see \`tidemark explain ${name}\`.`,
    });
  }
}
