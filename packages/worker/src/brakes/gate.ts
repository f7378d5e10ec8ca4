import { type Hold, type Logger, Scope } from '@tidemark/core';
import type { Controls } from '../control/board.js';
import type { TrackedWriter } from '../write/tracked-writer.js';
import { type DueHold, type Holds, holdOf } from './hold.js';

/** Milliseconds between two looks whether a hold is still due. */
const RECHECK_MS = 2_000;
/** Evidence that changes all the time is noted this often, milliseconds: each note may be a revision of the source. */
const NOTE_EVERY_MS = 10_000;

export interface GateOptions {
  /** Name of the destination. */
  readonly name: string;
  readonly holds: Holds;
  readonly controls: Controls;
  readonly logger: Logger;
  /** `held` is a promise, as `paused` is: what is in doubt is fenced off before it is reported. */
  readonly writer: TrackedWriter;
  /** The destination is held, or released. */
  readonly onHeld: (hold: Hold, reason: string) => void;
  readonly onReleased: () => void;
}

/**
 * What a hold is by now: due, perhaps with newer evidence; `over`, because nothing dangerous waits any more; or `again`,
 * because something else would happen, which has to be judged from the start.
 */
export type Look = (signal: AbortSignal) => Promise<DueHold | 'over' | 'again'>;

export type Passage =
  /** The hold as it was shown to the one who approved: exactly that may go. */
  | { readonly kind: 'approved'; readonly hold: DueHold }
  /** Nothing dangerous waits any more. */
  | { readonly kind: 'over' }
  /** Aborted, or the checkpoint was moved, or something else would happen: begin again. */
  | { readonly kind: 'again' };

const AGAIN = { kind: 'again' } as const;

/** Where a destination waits for approval: nothing passes that a brake holds, until exactly that is approved. */
export class Gate {
  constructor(private readonly options: GateOptions) {}

  /** Waits until a hold is approved or over. */
  async wait(due: DueHold, look: Look, signal: AbortSignal): Promise<Passage> {
    const { holds, logger, writer, onReleased } = this.options;
    const hold = await holds.note(due, signal);
    const passage = await this.approvedOf(hold, signal);
    if (passage !== null) return passage;
    if (await writer.fenceOffAll(signal)) return AGAIN;
    logger.warn({ ...hold }, 'held until somebody approves');
    try {
      return await this.keep(hold, look, signal);
    } finally {
      onReleased();
    }
  }

  private async keep(first: Hold, look: Look, signal: AbortSignal): Promise<Passage> {
    const { name, holds, controls, logger, onHeld } = this.options;
    let hold = first;
    let notedAt = performance.now();
    for (;;) {
      onHeld(hold, `${hold.evidence} Nothing is written until \`tidemark approve ${name} --hold ${hold.id}\`.`);
      await this.untilRecheck(signal);
      if (signal.aborted) return AGAIN;
      if (controls.approved !== null && holdOf(hold, controls.approved) !== null) {
        return (await this.approvedOf(hold, signal)) ?? AGAIN;
      }
      const now = await look(signal);
      if (signal.aborted || now === 'again') return AGAIN;
      if (now === 'over') {
        logger.warn({ hold: hold.id }, 'nothing dangerous waits any more, the hold ends');
        await holds.clear(hold.id, signal);
        return { kind: 'over' };
      }
      const changed = now.id !== hold.id || now.evidence !== hold.evidence;
      if (changed && performance.now() - notedAt > NOTE_EVERY_MS) {
        hold = await holds.note(now, signal);
        notedAt = performance.now();
      } else if (!controls.shows(hold.id)) await holds.keep(hold, signal);
    }
  }

  private async approvedOf(hold: Hold, signal: AbortSignal): Promise<Passage | null> {
    const approved = await this.options.holds.approved(hold, signal);
    if (approved === null) return null;
    const { approval } = approved;
    this.options.logger.warn({ hold: approval.id, by: approval.by, at: approval.at }, 'approved, going on');
    return { kind: 'approved', hold: approved.hold };
  }

  /** Until the orders change, or for `RECHECK_MS`. */
  private async untilRecheck(signal: AbortSignal): Promise<void> {
    const scope = Scope.within(RECHECK_MS, signal);
    await this.options.controls.changed(scope.signal);
    scope.end();
  }
}
