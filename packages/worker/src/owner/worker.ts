import { isDeepStrictEqual } from 'node:util';
import {
  Backoff,
  type BrakesConfig,
  type DestinationReader,
  describeError,
  FencedError,
  JournalChainBrokenError,
  JournalPositionLostError,
  type JournalReader,
  type Logger,
  Scope,
  type SharedBudget,
  type SharedFacts,
  type Source,
  type SourceReader,
  TidemarkError,
} from '@tidemark/core';
import { CatchUpDetector } from '../apply/catch-up.js';
import type { RepairReport } from '../compare/repair.js';
import { verifyRegularly, watchForeignWrites } from '../compare/watchers.js';
import type { Controls } from '../control/board.js';
import { Orders } from '../control/orders.js';
import type { LoopGuard } from '../loops/guard.js';
import type { Filter } from '../routes/filter.js';
import type { TrackedWriter } from '../write/tracked-writer.js';
import { decide, type Known, type Situation } from './decide.js';
import { beginning, conditionOf, type Memory, type Outcome, remember } from './memory.js';
import type { WorkerObserver } from './observer.js';
import { Pausing } from './pausing.js';
import { NotStreamingError, RepairQueue } from './repair-queue.js';
import { Steps } from './steps.js';

export interface WorkerOptions {
  /** Name of the destination. */
  readonly name: string;
  readonly journal: JournalReader;
  readonly destination: DestinationReader;
  /** Of this ownership alone: another owner has another one. */
  readonly writer: TrackedWriter;
  readonly filter: Filter;
  readonly brakes: BrakesConfig;
  /** Milliseconds that a change waits after it was journaled. */
  readonly delayMs: number;
  /** Memory for journal bytes that wait, of all destinations of this process. */
  readonly budget: SharedBudget;
  /** Milliseconds between two comparisons with the source; null for none. */
  readonly verifyEveryMs: number | null;
  /** Whether foreign writes and what a comparison finds are taken back without being asked. */
  readonly repairAutomatically: boolean;
  /** For repairs and comparisons; replication itself reads the journal only. */
  readonly source: SourceReader;
  /** Asked how far the source has come, where a backlog has to be judged. */
  readonly sourceIdentity: Pick<Source, 'identity'>;
  readonly facts: SharedFacts;
  /** Null for a kind of destination that cannot be anybody's source. */
  readonly loopGuard: LoopGuard | null;
  readonly controls: Controls;
  readonly observer: WorkerObserver;
  readonly logger: Logger;
}

/** An owner that leaves tries this long to fence off what is in doubt, milliseconds. Otherwise the next one is refused once. */
const LEAVE_MS = 1_000;

/**
 * Keeps one destination equal to the source under its routes. Faults are retried for ever. What to do next is `decide`'s
 * business, what was learned is `memory`'s; this loop carries out steps and remembers what came of them.
 */
export class DestinationWorker {
  private memory: Memory = beginning(now());
  /** The present attempt: ending it makes the worker look at its orders. */
  private attempt: Scope | null = null;
  private readonly catchUp: CatchUpDetector;
  private readonly pausing: Pausing;
  private readonly steps: Steps;
  private readonly repairs = new RepairQueue(() => this.attempt?.end());
  private readonly backoff = new Backoff({ initialMs: 100, maxMs: 10_000 });

  constructor(private readonly options: WorkerOptions) {
    const { facts, name, delayMs } = options;
    this.catchUp = new CatchUpDetector(delayMs);
    const orders = new Orders(facts, name);
    const report = (outcome: Outcome) => this.report(outcome);
    const { repairs, catchUp } = this;
    this.pausing = new Pausing({ ...options, orders, report });
    this.steps = new Steps({ ...options, orders, repairs, catchUp, report, memory: () => this.memory });
  }

  /** Works until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { options } = this;
    options.observer.condition(conditionOf(this.memory));
    await options.controls.ready(signal);
    const repairKeys = options.repairAutomatically ? (keys: readonly Buffer[]) => this.repair(keys) : null;
    const watching = { ...options, repair: repairKeys, busy: () => this.isBusy };
    await Promise.all([
      this.work(signal),
      this.watchOrders(signal),
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
    if (conditionOf(this.memory).state !== 'streaming') throw this.notStreaming();
    return await this.repairs.add(keys);
  }

  private async work(signal: AbortSignal): Promise<void> {
    try {
      while (!signal.aborted) {
        if (decide(this.situation(null)).kind === 'wait') await this.pausing.keep(signal);
        else await this.tryOnce(signal);
      }
    } finally {
      await this.leave();
      const message = `This node no longer works for ${this.options.name}.`;
      this.repairs.close(new NotStreamingError({ message, remedy: 'Ask its owner: see `tidemark status`.' }));
    }
  }

  /** One attempt: steps until one of them ends it, or fails. */
  private async tryOnce(signal: AbortSignal): Promise<void> {
    const attempt = new Scope(signal);
    this.attempt = attempt;
    try {
      let known: Known | null = null;
      do {
        const step = decide(this.situation(known));
        known = await this.steps.carryOut(step, attempt.signal);
      } while (known !== null && !attempt.signal.aborted);
    } catch (error) {
      if (!attempt.signal.aborted) await this.backOff(error, attempt.signal);
    } finally {
      attempt.end();
    }
  }

  private situation(known: Known | null): Situation {
    const { controls, filter } = this.options;
    return {
      pause: controls.pause,
      // What the board shows may be half a second old.
      order: controls.resync,
      filter: filter.fingerprint,
      memory: this.memory,
      known,
    };
  }

  /** Before the destination is handed over. */
  private async leave(): Promise<void> {
    const { writer, logger } = this.options;
    if (!writer.isInDoubt) return;
    try {
      await writer.fenceOffOwn(AbortSignal.timeout(LEAVE_MS));
    } catch (error) {
      // The next owner fences it off before it reports a pause.
      logger.warn({ reason: describeError(error) }, 'left with a transaction in doubt');
    }
  }

  /** Ends the present attempt when an order has come. */
  private async watchOrders(signal: AbortSignal): Promise<void> {
    const { controls } = this.options;
    let known = { paused: controls.pause !== null, resync: controls.resync?.id };
    while (!signal.aborted) {
      await controls.changed(signal);
      const seen = { paused: controls.pause !== null, resync: controls.resync?.id };
      const ordered = seen.paused !== known.paused || (seen.resync !== undefined && seen.resync !== known.resync);
      known = seen;
      if (ordered) this.attempt?.end();
    }
  }

  private async backOff(error: unknown, signal: AbortSignal): Promise<void> {
    const { observer, logger } = this.options;
    if (error instanceof FencedError) observer.fenced();
    const known = error instanceof TidemarkError;
    const reason = known ? `${describeError(error)} ${error.remedy}` : describeError(error);
    if (reason !== this.memory.failure?.reason) logger.warn({ err: error }, 'applying stopped, will try again');
    this.report({
      kind: 'failed',
      reason,
      permanent: known && error.permanent,
      positionLost: error instanceof JournalPositionLostError || error instanceof JournalChainBrokenError,
    });
    this.repairs.refuse(error);
    await this.backoff.wait(signal);
  }

  /** Remembers an outcome, and reports what people see where that may be another now. */
  private report(outcome: Outcome): void {
    const before = this.memory;
    this.memory = remember(before, outcome, now());
    // Something was applied since: the next fault is a new one.
    if (!isDeepStrictEqual(this.memory.progress, before.progress)) this.backoff.reset();
    if (this.memory.activity === before.activity) return;
    this.options.observer.condition(conditionOf(this.memory));
    // Who asked for a repair would wait as long as people do.
    const { kind } = this.memory.activity;
    if (kind === 'held' || kind === 'resyncing' || kind === 'paused') this.repairs.refuse(this.notStreaming());
  }

  /** Whether the destination is being brought up, from nothing or from far back. */
  private get isBusy(): boolean {
    const { kind } = this.memory.activity;
    return kind === 'following' ? this.catchUp.isOn : kind === 'starting' || kind === 'resyncing';
  }

  private notStreaming(): NotStreamingError {
    const { name } = this.options;
    const { state } = conditionOf(this.memory);
    return new NotStreamingError({
      message: `${name} is ${state}: it can only be repaired while it is streaming.`,
      remedy: `Try again once it is; see \`tidemark explain ${name}\`.`,
    });
  }
}

/** RFC 3339. */
function now(): string {
  return new Date().toISOString();
}
