import { type Checkpoint, comparePositions, describeError, type JournalInfo, type Position } from '@tidemark/core';
import { reportBacklog } from '../apply/backlog.js';
import type { CatchUpDetector } from '../apply/catch-up.js';
import { type FollowFrom, follow, lookBackFrom } from '../apply/follow.js';
import { ChangesGate, type Passed } from '../brakes/changes-gate.js';
import { Gate } from '../brakes/gate.js';
import { Holds } from '../brakes/hold.js';
import { repair } from '../compare/repair.js';
import type { Orders } from '../control/orders.js';
import { Resync } from '../resync/resync.js';
import { commit } from '../write/commit.js';
import { OffJournalWrites } from '../write/off-journal.js';
import type { Known, Step } from './decide.js';
import { type Memory, type Outcome, progressOf } from './memory.js';
import { NotStreamingError, type RepairQueue } from './repair-queue.js';
import type { WorkerOptions } from './worker.js';

export interface StepsOptions extends WorkerOptions {
  readonly orders: Orders;
  readonly repairs: RepairQueue;
  readonly catchUp: CatchUpDetector;
  readonly report: (outcome: Outcome) => void;
  readonly memory: () => Memory;
}

type Of<Kind extends Step['kind']> = Extract<Step, { kind: Kind }>;

/** Carries out what `decide` says. Decides nothing itself; what comes of a step is reported, and so remembered. */
export class Steps {
  private readonly holds: Holds;
  private readonly offJournal: OffJournalWrites;
  private readonly changes: ChangesGate;
  private readonly resyncing: Resync;

  constructor(private readonly options: StepsOptions) {
    const { facts, name, report } = options;
    this.holds = new Holds(facts, name);
    this.offJournal = new OffJournalWrites(facts, name);
    const gate = new Gate({
      ...options,
      holds: this.holds,
      onHeld: (hold, reason) => report({ kind: 'held', hold, reason }),
      onReleased: () => report({ kind: 'released' }),
    });
    const { holds, offJournal } = this;
    const onWaiting = (reason: string) => report({ kind: 'waiting', reason });
    this.changes = new ChangesGate({ ...options, source: options.sourceIdentity, holds, gate, onWaiting });
    const { changes } = this;
    const onStep = (step: string) => report({ kind: 'resyncing', step });
    this.resyncing = new Resync({ ...options, gate, changes, offJournal, onStep });
  }

  /** What is known afterwards; null when the attempt is over. */
  async carryOut(step: Step, signal: AbortSignal): Promise<Known | null> {
    switch (step.kind) {
      case 'wait':
        return null;
      case 'look':
        return await this.look(signal);
      case 'resync':
        return await this.resync(step, signal);
      case 'pass':
        return await this.pass(step, signal);
      case 'follow':
        await this.follow(step, signal);
        return null;
      default:
        return step satisfies never;
    }
  }

  private async look(signal: AbortSignal): Promise<Known> {
    const { journal, writer, observer, loopGuard, logger, memory, report } = this.options;
    await loopGuard?.check(signal);
    await journal.open(signal);
    const info = await journal.info(signal);
    // What an earlier attempt left in flight must not land after what people are shown from here on.
    const checkpoint = await writer.fenceOffOwn(signal);
    if (checkpoint !== null) observer.checkpointRead(checkpoint.position);
    const writesLost = await this.offJournal.isLost(checkpoint, signal);
    if (writesLost && !memory().writesLost)
      logger.warn({ ...checkpoint?.fence }, 'a resync or repair that was noted is not here: lost, or never made');
    report({ kind: 'looked', progress: progressOf(checkpoint), writesLost });
    return { info, checkpoint, resynced: false, passed: null };
  }

  private async resync({ order, known }: Of<'resync'>, signal: AbortSignal): Promise<Known | null> {
    const { memory, report } = this.options;
    const { info, checkpoint: found } = known;
    await this.reportBacklog(known, signal);
    const from = { found, info, ordered: order !== null, cutOff: memory().cutOff !== null };
    const checkpoint = await this.resyncing.make(from, signal);
    if (checkpoint === null) return null;
    report({ kind: 'resynced', order: order?.id ?? null });
    return { ...known, checkpoint, resynced: true };
  }

  private async pass({ checkpoint, known }: Of<'pass'>, signal: AbortSignal): Promise<Known | null> {
    const { controls, orders, memory, report } = this.options;
    // Also when an earlier attempt could not remove it: the next owner would carry it out once more.
    const order = controls.resync;
    if (order !== null && order.id === memory().carriedOut) await orders.resynced(order, signal);
    const { info } = known;
    const beforeWaiting = () => this.reportBacklog(known, signal);
    const lookBack = lookBackFrom(
      checkpoint,
      known.resynced ? null : await this.readableFrom(checkpoint, info, signal),
    );
    const passed = await this.changes.pass(
      { checkpoint, info, lookBack, allowed: allowedIn(memory().allowed, checkpoint.position), beforeWaiting },
      signal,
    );
    if (passed === null) return null;
    if (passed.letGo !== null) report({ kind: 'let_go', upTo: passed.letGo.upTo });
    // Resync and brakes may have taken days, in which retention goes on and a journal can be replaced.
    const now = await this.options.journal.info(signal);
    return now.id === info.id ? { ...known, info: now, passed } : null;
  }

  private async follow({ checkpoint, passed, known }: Of<'follow'>, signal: AbortSignal): Promise<void> {
    const { logger, memory, report, catchUp } = this.options;
    const { info } = known;
    const fenced = await this.markAbandoned(checkpoint, signal);
    const waits = info.last !== null && comparePositions(info.last.position, checkpoint.position) > 0;
    // What failed is tried again, and says nothing until it has succeeded.
    if (memory().activity.kind !== 'failing' || !waits) report({ kind: 'following' });
    const from = await this.makeRepairs(fenced, signal);
    if (from === null) return;
    logger.info({ ...from.position }, 'applying from here');
    const end = await follow(
      {
        ...this.options,
        onReached: (time) => {
          catchUp.reached(time);
          report({ kind: 'applied' });
          report({ kind: 'following' });
        },
        onIdle: () => report({ kind: 'following' }),
      },
      {
        checkpoint: from,
        // Before a resync the journal may be what made it necessary.
        readableFrom: known.resynced ? null : await this.readableFrom(from, info, signal),
        letGo: this.letGoOf(passed, signal),
        allowed: allowedIn(memory().allowed, from.position),
        judged: passed.judged?.revision ?? null,
      },
      signal,
    );
    if (end.kind === 'held') await this.changes.note(info, end.at, end.exceeded, signal);
    if (end.kind === 'reset') report({ kind: 'reset' });
  }

  /** Once, and only where it is not followed: whoever follows the journal reports it. */
  private async reportBacklog({ checkpoint, info }: Known, signal: AbortSignal): Promise<void> {
    const { memory, report } = this.options;
    if (checkpoint === null || memory().backlogReported) return;
    report({ kind: 'backlog_reported' });
    await reportBacklog(this.options, { found: checkpoint, info }, signal);
  }

  /** Brings the checkpoint up to an off-journal write that was noted and abandoned. Returns the checkpoint afterwards. */
  private async markAbandoned(checkpoint: Checkpoint, signal: AbortSignal): Promise<Checkpoint> {
    const { writer, observer } = this.options;
    const fence = this.offJournal.abandoned(checkpoint);
    if (fence === null) return checkpoint;
    const next = { ...checkpoint, fence };
    await commit(writer, { writes: [], expected: checkpoint, next }, observer, signal);
    this.offJournal.done();
    return next;
  }

  /** The checkpoint afterwards; null when it has to be read again. */
  private async makeRepairs(checkpoint: Checkpoint, signal: AbortSignal): Promise<Checkpoint | null> {
    const { repairs } = this.options;
    // Its first parts are newer than the position: to repair them by it would take them back, for good.
    if (checkpoint.partial !== null) repairs.refuse(this.betweenPositions());
    let at: Checkpoint | null = checkpoint;
    await repairs.makeAll(async (keys) => {
      if (at === null) throw this.betweenPositions();
      const from = at;
      at = null;
      const options = { ...this.options, offJournal: this.offJournal };
      const { report, checkpoint: repaired } = await repair(options, { checkpoint: from, keys }, signal);
      at = repaired;
      return report;
    });
    return at;
  }

  /** From which revision on the journal has this generation; null when that is not known. */
  private async readableFrom(
    { position }: Checkpoint,
    { first }: JournalInfo,
    signal: AbortSignal,
  ): Promise<number | null> {
    if (first?.position.generation === position.generation) return first.previous;
    // It began within the journal, with a snapshot.
    const snapshots = (await this.options.journal.snapshots.list(signal)).map((snapshot) => snapshot.position);
    const own = snapshots.filter(({ generation }) => generation === position.generation);
    return own.length === 0 ? null : Math.min(...own.map(({ revision }) => revision));
  }

  /** Ends by itself when everything that was let go is applied. A note that stays is recognised by its position. */
  private letGoOf({ letGo }: Passed, signal: AbortSignal): FollowFrom['letGo'] {
    if (letGo === null) return null;
    const { upTo, hold } = letGo;
    const done = () => {
      if (hold === null) return;
      this.holds.spent(hold, signal).catch((error: unknown) => {
        this.options.logger.debug({ reason: describeError(error) }, 'the note of a hold stays');
      });
    };
    return { revision: upTo.revision, done };
  }

  private betweenPositions(): NotStreamingError {
    const { name } = this.options;
    return new NotStreamingError({
      message: `${name} is between two positions: it cannot be repaired now.`,
      remedy: `Try again in a moment; see \`tidemark explain ${name}\`.`,
    });
  }
}

/** The revision up to which deletes were let go in the generation of a checkpoint; 0 when none were. */
function allowedIn(allowed: Position | null, { generation }: Position): number {
  return allowed?.generation === generation ? allowed.revision : 0;
}
