import {
  type BrakesConfig,
  type Checkpoint,
  comparePositions,
  type Hold,
  type JournalInfo,
  type JournalReader,
  type Logger,
  type Position,
  Scope,
} from '@tidemark/core';
import type { Controls } from '../control/board.js';
import type { Filter } from '../routes/filter.js';
import type { TrackedWriter } from '../write/tracked-writer.js';
import { changesHold, type DueHold, type Holds } from './hold.js';
import { backlogExceeds, type Exceeded } from './limits.js';
import { describeSurvey, survey } from './survey.js';

/** Milliseconds between two looks whether a hold is still due. */
const RECHECK_MS = 2_000;

export interface GateOptions {
  /** Name of the destination. */
  readonly name: string;
  readonly journal: JournalReader;
  readonly filter: Filter;
  readonly brakes: BrakesConfig;
  readonly delayMs: number;
  readonly holds: Holds;
  readonly controls: Controls;
  readonly logger: Logger;
  /** `held` is a promise, as `paused` is: what is in doubt is fenced off before it is reported. */
  readonly writer: TrackedWriter;
  /** The destination is held, or released. */
  readonly onHeld: (hold: Hold, reason: string) => void;
  readonly onReleased: () => void;
}

interface Passing {
  readonly checkpoint: Checkpoint;
  readonly info: JournalInfo;
  /** Called before it takes longer: changes are counted, or people are waited for. */
  readonly beforeWaiting: () => Promise<void>;
}

/** Where a destination waits for approval: nothing passes that a brake holds, until exactly that is approved. */
export class Gate {
  constructor(private readonly options: GateOptions) {}

  /**
   * Lets the changes after a checkpoint pass, or holds them: a hold from before that was not approved, or a backlog.
   * @returns what was approved, 'free' when nothing needed it, 'aborted' when aborted
   */
  async passChanges(
    { checkpoint, info, beforeWaiting }: Passing,
    signal: AbortSignal,
  ): Promise<DueHold | 'free' | 'aborted'> {
    const earlier = await this.earlierHold(checkpoint, info, signal);
    if (earlier !== null) {
      await beforeWaiting();
      if (!(await this.wait(earlier, signal))) return 'aborted';
    }
    const { position } = checkpoint;
    const allowed = earlier?.upTo?.revision ?? 0;
    const after = { ...position, revision: Math.max(position.revision, allowed) };
    if (signal.aborted) return 'aborted';
    if (!this.countsBacklog) return earlier ?? 'free';
    await beforeWaiting();
    const backlog = await this.backlog(info.id, after, signal);
    if (signal.aborted) return 'aborted';
    if (backlog === null) return earlier ?? 'free';
    return (await this.wait(backlog, signal)) ? backlog : 'aborted';
  }

  /** Holds everything after a position that is in the journal now. False when aborted. */
  async holdChanges(journal: string, at: Position, exceeded: Exceeded, signal: AbortSignal): Promise<boolean> {
    const found = await survey(this.options.journal, { after: at, filter: this.options.filter }, signal);
    if (signal.aborted) return false;
    const evidence = `${sentence(exceeded.finding)} ${describeSurvey(found, at)}`;
    return await this.wait(changesHold(journal, { brake: exceeded.brake, evidence, upTo: found.upTo }), signal);
  }

  /**
   * Waits until a hold is approved. False when aborted, when it is no longer what would happen, because what is approved is
   * exactly what was shown, or when the checkpoint was moved for it: then it has to be read again.
   */
  async wait(
    due: DueHold,
    signal: AbortSignal,
    stillDue: (signal: AbortSignal) => Promise<boolean> = async () => true,
  ): Promise<boolean> {
    const { name, holds, controls, logger, writer, onHeld, onReleased } = this.options;
    const hold = await holds.note(due, signal);
    let approval = await holds.approved(hold.id, signal);
    if (approval === null) {
      if (await writer.fenceOffAll(signal)) return false;
      logger.warn({ ...hold }, 'held until somebody approves');
    }
    let held = false;
    try {
      while (approval === null) {
        onHeld(hold, `${hold.evidence} Nothing is written until \`tidemark approve ${name}\`.`);
        held = true;
        await this.untilRecheck(signal);
        if (signal.aborted) return false;
        if (!controls.shows(hold.id)) await holds.keep(hold, signal);
        if (!controls.approves(hold.id) && (await stillDue(signal))) continue;
        approval = await holds.approved(hold.id, signal);
        if (approval === null) return false;
      }
    } finally {
      if (held) onReleased();
    }
    logger.warn({ hold: hold.id, by: approval.by, at: approval.at }, 'approved, going on');
    return true;
  }

  /**
   * A hold of changes that was noted before and not carried out yet. Removes one that means nothing any more; one of a
   * resync that is still to come stays, and with it its approval: another owner may have noted it.
   */
  private async earlierHold(
    { position, journal }: Checkpoint,
    info: JournalInfo,
    signal: AbortSignal,
  ): Promise<DueHold | null> {
    const { holds, brakes } = this.options;
    const hold = await holds.current(signal);
    if (hold === null) return null;
    if (hold.upTo === null && hold.id.startsWith(`${info.id}/`) && !leadsOn(info, position)) return null;
    const { upTo, brake } = hold;
    const ours = upTo !== null && journal === info.id && hold.id.startsWith(`${journal}/`);
    const ahead = ours && upTo.generation === position.generation && comparePositions(upTo, position) > 0;
    if (ahead && isOn(brake, brakes)) return hold;
    await holds.clear(hold.id, signal);
    return null;
  }

  private get countsBacklog(): boolean {
    const { maxBacklogAge, maxBacklogChanges } = this.options.brakes;
    return maxBacklogAge !== null || maxBacklogChanges !== null;
  }

  private async backlog(journal: string, after: Position, signal: AbortSignal): Promise<DueHold | null> {
    const { brakes, filter, delayMs } = this.options;
    // A delayed destination always has changes that wait; too many are only those that are due.
    const dueBy = Date.now() - delayMs;
    const found = await survey(this.options.journal, { after, filter, dueBy }, signal);
    const ageMs = found.oldestTime === null ? 0 : dueBy - found.oldestTime;
    const exceeded = backlogExceeds(found.changes, ageMs, brakes);
    if (exceeded === null || signal.aborted) return null;
    const evidence = `${sentence(exceeded.finding)} ${describeSurvey(found, after)}`;
    return changesHold(journal, { brake: exceeded.brake, evidence, upTo: found.upTo });
  }

  /**
   * Milliseconds since the oldest change was due that a destination lacks before a resync; 0 when it
   * lacks none, or no brake asks for it. Of one that fell out of the journal it is at least as long as the journal
   * reaches back.
   */
  async backlogAge(found: Checkpoint | null, { id, first }: JournalInfo, signal: AbortSignal): Promise<number> {
    const { brakes, journal, filter, delayMs } = this.options;
    if (brakes.maxBacklogAge === null || found === null || first === null) return 0;
    const begins = { ...first.position, revision: first.previous };
    const lost = found.journal !== id || comparePositions(found.position, begins) < 0;
    const oldest = lost ? first.time : (await survey(journal, { after: found.position, filter }, signal)).oldestTime;
    return oldest === null ? 0 : Math.max(0, Date.now() - delayMs - oldest);
  }

  /** Until the orders change, or for `RECHECK_MS`. */
  private async untilRecheck(signal: AbortSignal): Promise<void> {
    const scope = Scope.within(RECHECK_MS, signal);
    await this.options.controls.changed(scope.signal);
    scope.end();
  }
}

/** Whether the journal brings a destination from a position to its end without a resync. */
function leadsOn({ first, last }: JournalInfo, position: Position): boolean {
  if (first === null || last === null || last.position.generation !== position.generation) return false;
  return comparePositions(position, { ...first.position, revision: first.previous }) >= 0;
}

/** Whether a brake is still configured: turning it off lets go what it held. */
function isOn(brake: Hold['brake'], brakes: BrakesConfig): boolean {
  switch (brake) {
    case 'deletes':
      return brakes.maxDeletes !== null;
    case 'delete_percent':
      return brakes.maxDeletePercent !== null;
    case 'backlog_age':
      return brakes.maxBacklogAge !== null;
    case 'backlog_changes':
      return brakes.maxBacklogChanges !== null;
    case 'rewound':
    case 'filter':
      return true;
    default:
      return brake satisfies never;
  }
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
