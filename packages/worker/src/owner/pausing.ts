import {
  Backoff,
  type DestinationReader,
  describeError,
  type JournalReader,
  type Logger,
  type Pause,
  Scope,
  TidemarkError,
} from '@tidemark/core';
import { reportWaiting } from '../apply/backlog.js';
import type { Controls } from '../control/board.js';
import type { Orders } from '../control/orders.js';
import type { TrackedWriter } from '../write/tracked-writer.js';
import type { Outcome } from './memory.js';
import type { WorkerObserver } from './observer.js';

/** Milliseconds for a note in the coordination etcd. Without it the next owner writes a checkpoint once more than needed. */
const NOTE_MS = 2_000;

export interface PausingOptions {
  /** Name of the destination. */
  readonly name: string;
  readonly controls: Controls;
  readonly orders: Pick<Orders, 'noteQuiesced'>;
  readonly destination: Pick<DestinationReader, 'checkpoint'>;
  readonly writer: TrackedWriter;
  readonly journal: JournalReader;
  readonly observer: Pick<WorkerObserver, 'checkpointRead' | 'waiting'>;
  readonly logger: Logger;
  readonly report: (outcome: Outcome) => void;
}

/**
 * Keeps a destination quiesced while people want it paused. `paused` is a promise: nothing is written any more, not even by
 * a request that a frozen server or a proxy still has. So it is reported once what is in doubt is fenced off, and no sooner.
 */
export class Pausing {
  private readonly backoff = new Backoff({ initialMs: 100, maxMs: 10_000 });

  constructor(private readonly options: PausingOptions) {}

  /** Until the pause ends, or `signal` aborts. No transaction is begun meanwhile, and none is in flight. */
  async keep(signal: AbortSignal): Promise<void> {
    const { controls, logger } = this.options;
    logger.warn({ ...controls.pause }, 'paused by order');
    if (!(await this.quiesce(signal))) return;
    const pausing = new Scope(signal);
    const beside: Promise<void>[] = [];
    let reported: string | null = null;
    for (let { pause } = controls; pause !== null && !signal.aborted; { pause } = controls) {
      this.reportPaused(pause);
      // Beside it: a destination that cannot be reached must not keep a pause from being seen, nor its end.
      if (reported === null) beside.push(this.reportBacklog(pausing.signal));
      if (reported !== pause.at) beside.push(this.note(pause));
      reported = pause.at;
      await controls.changed(signal);
    }
    pausing.end();
    await Promise.all(beside);
    // It may have ended while what is in doubt was fenced off: then `paused` was never reported.
    if (signal.aborted || reported === null) return;
    logger.info('resumed');
    this.options.report({ kind: 'resumed' });
  }

  private reportPaused({ by, at }: Pause): void {
    const { name, report } = this.options;
    const reason = `Paused by ${by} since ${at}. Nothing is written until \`tidemark resume ${name}\`.`;
    report({ kind: 'paused', reason });
  }

  /** Fences off what is in doubt, however long that takes. False when the pause ends before. */
  private async quiesce(signal: AbortSignal): Promise<boolean> {
    const scope = new Scope(signal);
    const over = this.endWithPause(scope);
    try {
      while (!scope.signal.aborted) {
        if (await this.tryToQuiesce(scope.signal)) {
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

  private async tryToQuiesce(signal: AbortSignal): Promise<boolean> {
    const { controls, writer, logger } = this.options;
    // The owner before has done it, and nobody has written since.
    if (controls.isQuiesced && !writer.isInDoubt) return true;
    if (writer.isInDoubt) this.reportDoubt('It has not answered yet.');
    try {
      await writer.fenceOffAll(signal);
      return true;
    } catch (error) {
      if (signal.aborted) return false;
      logger.debug({ reason: describeError(error) }, 'what is in doubt cannot be fenced off yet');
      this.reportDoubt(
        error instanceof TidemarkError ? `${describeError(error)} ${error.remedy}` : describeError(error),
      );
      return false;
    }
  }

  private reportDoubt(why: string): void {
    const { controls, name, report } = this.options;
    const { pause } = controls;
    if (pause === null) return;
    const reason = `Pausing, as ${pause.by} ordered at ${pause.at}: nothing new is sent, but the outcome of the last transaction is not known yet, and ${name} may still carry it out. ${why}`;
    report({ kind: 'failed', reason, permanent: false, positionLost: false });
  }

  private async endWithPause(scope: Scope): Promise<void> {
    const { controls } = this.options;
    while (controls.pause !== null && !scope.signal.aborted) await controls.changed(scope.signal);
    scope.end();
  }

  /** So that the next owner, and who asks while there is none, knows that nothing is in flight. */
  private async note(pause: Pause): Promise<void> {
    const { controls, orders, logger } = this.options;
    if (controls.isQuiesced) return;
    try {
      // Also when this owner is about to leave: it is the next one that needs it.
      await orders.noteQuiesced(pause, AbortSignal.timeout(NOTE_MS));
    } catch (error) {
      logger.debug({ reason: describeError(error) }, 'it could not be noted that nothing is in flight');
    }
  }

  /** So that status shows the position of a destination that nothing is written to, and since when changes wait for it. */
  private async reportBacklog(signal: AbortSignal): Promise<void> {
    const { destination, observer, logger, journal } = this.options;
    try {
      const found = await destination.checkpoint(signal);
      if (found === null) return;
      observer.checkpointRead(found.position);
      await journal.open(signal);
      if ((await journal.info(signal)).id === found.journal) await reportWaiting(this.options, found.position, signal);
    } catch (error) {
      if (!signal.aborted) logger.debug({ reason: describeError(error) }, 'the position is not known');
    }
  }
}
