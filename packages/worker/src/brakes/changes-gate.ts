import {
  type BrakeName,
  type BrakesConfig,
  type Checkpoint,
  comparePositions,
  type DestinationReader,
  type JournalInfo,
  type JournalReader,
  type Position,
  type Source,
} from '@tidemark/core';
import type { Filter } from '../routes/filter.js';
import { appliedDeletes } from './applied-deletes.js';
import { journaledUpToNow } from './barrier.js';
import { countKeys } from './count-keys.js';
import type { Gate, Look } from './gate.js';
import { changesHold, type DueHold, type Holds } from './hold.js';
import { backlogExceeds, deletesExceed, type Exceeded, harmlessDeletes } from './limits.js';
import { describeSurvey, type Survey, survey, WaitingChanges } from './survey.js';

export interface ChangesGateOptions {
  readonly journal: JournalReader;
  readonly source: Pick<Source, 'identity'>;
  readonly destination: Pick<DestinationReader, 'count'>;
  readonly filter: Filter;
  readonly brakes: BrakesConfig;
  readonly delayMs: number;
  readonly holds: Holds;
  readonly gate: Gate;
  /** Called with what is waited for, where it is not a person. */
  readonly onWaiting: (reason: string) => void;
}

/** What may be applied now. */
export interface Passed {
  /** Everything up to here was let go; what comes after it is judged again. Null where nothing was held. */
  readonly letGo: { readonly upTo: Position; readonly hold: string | null } | null;
  /** Backlog brakes have judged everything up to here. Null when none is on. */
  readonly judged: Position | null;
}

interface Passing {
  readonly checkpoint: Checkpoint;
  readonly info: JournalInfo;
  /** From where the journal can be read: see `appliedDeletes`. */
  readonly lookBack: Position;
  /** Deletes up to this revision were let go: they count for nothing any more. */
  readonly allowed: number;
  /** Called before it takes longer: changes are counted, or people are waited for. */
  readonly beforeWaiting: () => Promise<void>;
}

/** Judges the changes of the journal that wait for a destination before they are applied. */
export class ChangesGate {
  constructor(private readonly options: ChangesGateOptions) {}

  /**
   * Lets the changes after a checkpoint pass, or holds them: a hold from before that was not approved, or a backlog.
   * @returns null when aborted, or when it has to begin again
   */
  async pass(passing: Passing, signal: AbortSignal): Promise<Passed | null> {
    const { checkpoint, info, beforeWaiting } = passing;
    const earlier = await this.earlierHold(checkpoint, info, signal);
    if (earlier !== null) {
      await beforeWaiting();
      return await this.hold(earlier, passing, signal);
    }
    if (signal.aborted) return null;
    if (!this.countsBacklog) return { letGo: null, judged: null };
    await beforeWaiting();
    if (!(await journaledUpToNow(this.options, checkpoint.position, signal))) return null;
    const found = await survey(this.waitingAfter(checkpoint.position), signal, this.dueBy());
    if (signal.aborted) return null;
    const exceeded = this.backlogOf(found);
    if (exceeded === null) return { letGo: null, judged: found.upTo };
    return await this.hold(this.holdOf(passing, exceeded, found), passing, signal);
  }

  /** Notes that everything after a position is held, for the next attempt. */
  async note(info: JournalInfo, at: Position, exceeded: Exceeded, signal: AbortSignal): Promise<void> {
    const found = await survey(this.waitingAfter(at), signal);
    if (signal.aborted) return;
    const evidence = `${sentence(exceeded.finding)} ${describeSurvey(found, at)}`;
    await this.options.holds.note(changesHold(info.id, { brake: exceeded.brake, evidence, upTo: found.upTo }), signal);
  }

  /**
   * Milliseconds since the oldest change was due that a destination lacks before a resync; 0 when it
   * lacks none, or no brake asks for it. Of one that fell out of the journal it is at least as long as the journal
   * reaches back.
   */
  async backlogAge(found: Checkpoint | null, { id, first }: JournalInfo, signal: AbortSignal): Promise<number> {
    const { brakes, delayMs } = this.options;
    if (brakes.maxBacklogAge === null || found === null || first === null) return 0;
    const begins = { ...first.position, revision: first.previous };
    const lost = found.journal !== id || comparePositions(found.position, begins) < 0;
    const oldest = lost ? first.time : (await survey(this.waitingAfter(found.position), signal)).oldestTime;
    return oldest === null ? 0 : Math.max(0, Date.now() - delayMs - oldest);
  }

  /** Waits; evidence follows what arrives meanwhile. */
  private async hold(due: DueHold, passing: Passing, signal: AbortSignal): Promise<Passed | null> {
    const { position } = passing.checkpoint;
    const waiting = new WaitingChanges(this.waitingAfter(position));
    const applied = await this.appliedBefore(passing, signal);
    let seen: Survey | null = null;
    let verdict: DueHold | 'over' = due;
    const look: Look = async (stop) => {
      const found = await waiting.readOn(stop, this.dueBy());
      // Age grows by itself: what is too old already stays so. And a revision that changes nothing for this destination is
      // no news: where coordination is in the source, the note of a hold is one, and would ask for the next note.
      const news = seen === null || found.changes !== seen.changes;
      seen = found;
      if (!news) return verdict;
      const exceeded = (await this.deletesOf(found, applied, stop)) ?? this.backlogOf(found);
      verdict = exceeded === null ? 'over' : this.holdOf(passing, exceeded, found);
      return verdict;
    };
    const passage = await this.options.gate.wait(due, look, signal).finally(() => waiting.close());
    if (passage.kind === 'again') return null;
    if (passage.kind === 'approved') {
      const { id, upTo } = passage.hold;
      if (upTo === null || comparePositions(upTo, position) > 0) return this.letGo(upTo, id);
      // All of it was applied before a restart, and only the note is left.
      await this.options.holds.spent(id, signal);
      return null;
    }
    return this.letGo((seen as Survey | null)?.upTo ?? null, null);
  }

  private letGo(upTo: Position | null, hold: string | null): Passed {
    return { letGo: upTo === null ? null : { upTo, hold }, judged: this.countsBacklog ? upTo : null };
  }

  private holdOf({ checkpoint, info }: Passing, exceeded: Exceeded, found: Survey): DueHold {
    const evidence = `${sentence(exceeded.finding)} ${describeSurvey(found, checkpoint.position)}`;
    return changesHold(info.id, { brake: exceeded.brake, evidence, upTo: found.upTo });
  }

  private waitingAfter(after: Position) {
    const { journal, filter } = this.options;
    return { journal, filter, after };
  }

  /** A delayed destination always has changes that wait; too many are only those that are due. */
  private dueBy(): number {
    return Date.now() - this.options.delayMs;
  }

  private backlogOf(found: Survey): Exceeded | null {
    const ageMs = found.oldestTime === null ? 0 : this.dueBy() - found.oldestTime;
    return backlogExceeds(found.changes, ageMs, this.options.brakes);
  }

  /** @param applied deletes that the destination has seen so shortly before that they count as one with those that wait */
  private async deletesOf(found: Survey, applied: number, signal: AbortSignal): Promise<Exceeded | null> {
    const { brakes, destination, filter } = this.options;
    const deletes = found.count.deletes + applied;
    if (found.count.deletes === 0 || deletes <= harmlessDeletes(brakes)) return null;
    const keys = brakes.maxDeletePercent === null ? 0 : (await countKeys(destination, filter, signal)) + applied;
    return deletesExceed({ deletes, all: found.count.all }, keys, brakes);
  }

  private async appliedBefore({ checkpoint, lookBack, allowed }: Passing, signal: AbortSignal): Promise<number> {
    const { journal, filter, brakes } = this.options;
    if (brakes.maxDeletes === null && brakes.maxDeletePercent === null) return 0;
    const range = { from: lookBack, to: checkpoint.position, allowed, windowMs: brakes.window };
    return await appliedDeletes({ journal, filter }, range, signal);
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
}

/** Whether the journal brings a destination from a position to its end without a resync. */
function leadsOn({ first, last }: JournalInfo, position: Position): boolean {
  if (first === null || last === null || last.position.generation !== position.generation) return false;
  return comparePositions(position, { ...first.position, revision: first.previous }) >= 0;
}

/** Whether a brake is still configured: turning it off lets go what it held. */
function isOn(brake: BrakeName, brakes: BrakesConfig): boolean {
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
