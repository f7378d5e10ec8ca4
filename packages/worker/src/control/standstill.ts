import { Backoff, describeError, type Journal, type Logger, Scope, TidemarkError } from '@tidemark/core';
import type { AccountedDestination } from '../apply/accounted.js';
import { tellWaiting } from '../apply/waiting.js';
import type { LifecycleEvent } from '../lifecycle.js';
import type { WorkerObserver } from '../observer.js';
import type { Controls } from './board.js';
import type { Pause } from './facts.js';
import type { Orders } from './orders.js';

/** Milliseconds for a note in the coordination etcd. Without it the next owner writes a checkpoint once more than needed. */
const NOTE_MS = 2_000;

export interface StandstillOptions {
  /** Name of the destination. */
  readonly name: string;
  readonly controls: Controls;
  readonly orders: Pick<Orders, 'noteStill'>;
  readonly destination: AccountedDestination;
  readonly journal: Journal;
  readonly observer: WorkerObserver;
  readonly logger: Logger;
  readonly enter: (event: LifecycleEvent, reason: string | null) => void;
}

/**
 * Keeps a destination still while people want it paused. `paused` is a promise: nothing is written any more, not even by
 * a request that a frozen server or a proxy still has. So it is told when what was unanswered is shut out, and not before.
 */
export class Standstill {
  private readonly backoff = new Backoff({ initialMs: 100, maxMs: 10_000 });

  constructor(private readonly options: StandstillOptions) {}

  /** Until the pause ends, or `signal` aborts. No transaction is begun meanwhile, and none is under way. */
  async keep(signal: AbortSignal): Promise<void> {
    const { controls, logger } = this.options;
    logger.warn({ ...controls.pause }, 'paused by order');
    if (!(await this.reach(signal))) return;
    const pausing = new Scope(signal);
    const beside: Promise<void>[] = [];
    let told: string | null = null;
    for (let { pause } = controls; pause !== null && !signal.aborted; { pause } = controls) {
      this.tell(pause);
      // Beside it: a destination that cannot be reached must not keep a pause from being seen, nor its end.
      if (told === null) beside.push(this.tellWhereItStands(pausing.signal));
      if (told !== pause.at) beside.push(this.note(pause));
      told = pause.at;
      await controls.changed(signal);
    }
    pausing.end();
    await Promise.all(beside);
    // It may have ended while what was unanswered was shut out: then nobody was told that it had begun.
    if (signal.aborted || told === null) return;
    logger.info('resumed');
    this.options.enter('resume', null);
  }

  private tell({ by, at }: Pause): void {
    const { name, enter } = this.options;
    enter('pause', `Paused by ${by} since ${at}. Nothing is written until \`tidemark resume ${name}\`.`);
  }

  /** Shuts out what is unanswered, however long that takes. False when the pause is over before. */
  private async reach(signal: AbortSignal): Promise<boolean> {
    const scope = new Scope(signal);
    const over = this.endWithPause(scope);
    try {
      while (!scope.signal.aborted) {
        if (await this.tryToReach(scope.signal)) {
          this.backoff.reset();
          return true;
        }
        await this.backoff.wait(scope.signal);
      }
      return false;
    } finally {
      scope.end();
      await over;
    }
  }

  private async tryToReach(signal: AbortSignal): Promise<boolean> {
    const { controls, destination, logger } = this.options;
    // Who owned it before has seen to it, and nobody has written since.
    if (controls.isStill && !destination.isUncertain) return true;
    if (destination.isUncertain) this.tellDoubt('It has not answered yet.');
    try {
      await destination.settleAll(signal);
      return true;
    } catch (error) {
      if (signal.aborted) return false;
      logger.debug({ reason: describeError(error) }, 'what is unanswered cannot be shut out yet');
      this.tellDoubt(error instanceof TidemarkError ? `${describeError(error)} ${error.remedy}` : describeError(error));
      return false;
    }
  }

  private tellDoubt(reason: string): void {
    const { controls, name, enter } = this.options;
    const { pause } = controls;
    if (pause === null) return;
    enter(
      'fault',
      `Pausing, as ${pause.by} ordered at ${pause.at}: nothing new is sent, but the outcome of the last transaction is not known yet, and ${name} may still carry it out. ${reason}`,
    );
  }

  private async endWithPause(scope: Scope): Promise<void> {
    const { controls } = this.options;
    while (controls.pause !== null && !scope.signal.aborted) await controls.changed(scope.signal);
    scope.end();
  }

  /** So that the next owner, and who asks while there is none, knows that nothing is under way. */
  private async note(pause: Pause): Promise<void> {
    const { controls, orders, logger } = this.options;
    if (controls.isStill) return;
    try {
      // Also when this owner is on its way out: it is the next one that needs it.
      await orders.noteStill(pause, AbortSignal.timeout(NOTE_MS));
    } catch (error) {
      logger.debug({ reason: describeError(error) }, 'it could not be noted that it stands still');
    }
  }

  /** So that status shows where a destination stands that nothing is written to, and since when changes wait for it. */
  private async tellWhereItStands(signal: AbortSignal): Promise<void> {
    const { destination, observer, logger, journal } = this.options;
    try {
      const found = await destination.checkpoint(signal);
      if (found === null) return;
      observer.stands(found.position);
      await journal.open(signal);
      if ((await journal.info(signal)).id === found.journal) await tellWaiting(this.options, found.position, signal);
    } catch (error) {
      if (!signal.aborted) logger.debug({ reason: describeError(error) }, 'it is not known where it stands');
    }
  }
}
