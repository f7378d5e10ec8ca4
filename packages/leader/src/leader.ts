import {
  Backoff,
  describeError,
  type Elector,
  historyBreak,
  InvariantError,
  type Journal,
  type Journaled,
  type JournalHead,
  JournalHints,
  type JournalWriter,
  type Leadership,
  type Logger,
  type Position,
  type ReservedKeys,
  Scope,
  type SharedFacts,
  SnapshotRequests,
  type Source,
  type SourceIdentity,
} from '@tidemark/core';
import { afterFault, faultOf, type Memory, NO_FAILURE, type Step } from './decide.js';
import { EarlyTail } from './early-tail.js';
import { beginGeneration, type ResetCause } from './generation.js';
import { journalLoss } from './hint.js';
import { keepJournal } from './keeper.js';
import type { LeaderObserver } from './observer.js';
import { tailAfter } from './overlap.js';
import { pump } from './pump.js';
import { SharedWriter } from './shared-writer.js';
import type { SourceSightings } from './sightings.js';
import type { SnapshotQueue } from './snapshot-queue.js';
import { termFor } from './term.js';

export interface LeaderOptions {
  readonly node: string;
  readonly source: Source;
  readonly journal: Journal;
  readonly elector: Elector;
  readonly facts: SharedFacts;
  readonly snapshotQueue: SnapshotQueue;
  /** Fed by whoever asks the source how far it is, also while another node leads. */
  readonly sightings: SourceSightings;
  readonly reserved: ReservedKeys;
  /** Milliseconds between scheduled snapshots. */
  readonly snapshotEveryMs: number;
  /** Milliseconds without a record after which a progress record is written. */
  readonly progressEveryMs: number;
  readonly logger: Logger;
  readonly observer: LeaderObserver;
}

/** Campaigns, and while elected journals the source; until `signal` aborts. */
export async function runLeader(options: LeaderOptions, signal: AbortSignal): Promise<void> {
  await options.elector.lead((leadership) => new LeaderTerm(options, leadership).run(), signal);
}

/** A leader that leaves marks the end of a journal that was quiet for this long, milliseconds. */
const MARK_END_AFTER_MS = 1_000;

/** The journal while one writer holds it. */
interface Tenure {
  /** Identity of the journal. */
  readonly journal: string;
  readonly writer: JournalWriter;
  /** The highest generation known from the hint; 0 without one. */
  readonly knownGeneration: number;
  /** When its last record was written before the source is followed, milliseconds since the epoch; null when it has none. */
  readonly lastTime: number | null;
}

/** What was known when the journal was taken over. */
interface Beginning {
  readonly head: JournalHead;
  /** Why history begins again, null when the journal is continued. */
  readonly loss: ResetCause | null;
  /** The tail after the head. Null when history begins again. */
  readonly early: EarlyTail | null;
}

/** One leadership, from election to loss. `afterFault` decides what comes after a fault; this loop carries it out. */
class LeaderTerm {
  /** The pauses before the next step. A reset takes a snapshot of the whole source, so its pauses grow longer. */
  private readonly pauses = {
    retry: new Backoff({ initialMs: 100, maxMs: 5_000 }),
    reset: new Backoff({ initialMs: 100, maxMs: 60_000 }),
  };
  private readonly signal: AbortSignal;
  private readonly hints: JournalHints;
  private readonly requests: SnapshotRequests;
  private memory: Memory = NO_FAILURE;
  /** The journal while it follows the source, null before and during a take-over or a reset. */
  private following: Tenure | null = null;

  constructor(
    private readonly options: LeaderOptions,
    private readonly leadership: Leadership,
  ) {
    this.signal = leadership.signal;
    this.hints = new JournalHints(options.facts);
    this.requests = new SnapshotRequests(options.facts);
  }

  async run(): Promise<void> {
    const { logger, observer } = this.options;
    observer.elected(this.leadership.token);
    logger.info({ token: this.leadership.token }, 'elected');
    try {
      let step: Step = { kind: 'retry' };
      while (step.kind !== 'step_down' && !this.signal.aborted) step = await this.tryOnce(step);
    } finally {
      observer.steppedDown();
      logger.info({ token: this.leadership.token }, 'stepped down');
    }
  }

  /** Carries out one step, to the end of its attempt, and returns the next one after its pause. */
  private async tryOnce(step: Exclude<Step, { kind: 'step_down' }>): Promise<Step> {
    const tenure = this.following;
    this.following = null;
    try {
      if (step.kind === 'reset' && tenure !== null) await this.followReset(tenure, step.cause);
      else await this.takeOver();
      return { kind: 'retry' };
    } catch (error) {
      const next = this.decide(error);
      if (next.kind !== 'step_down') await this.pauses[next.kind].wait(this.signal);
      return next;
    }
  }

  private decide(error: unknown): Step {
    const { logger, observer } = this.options;
    const fault = faultOf(error, { leading: !this.signal.aborted, following: this.following !== null });
    const { step, memory, isNew } = afterFault(this.memory, fault);
    this.memory = memory;
    if (fault.kind === 'fenced') observer.fenced();
    if (isNew) logger.warn({ err: error }, 'journaling stopped, will try again');
    return step;
  }

  /**
   * From the journal's head to the end of this attempt. The head is the only source of the position: a record that an
   * earlier attempt sent may be stored or not.
   */
  private async takeOver(): Promise<void> {
    const { journal, node, observer } = this.options;
    await journal.open(this.signal);
    const [{ id }, head, hint] = await Promise.all([
      journal.info(this.signal),
      journal.head(this.signal),
      this.hints.read(this.signal),
    ]);
    const loss = journalLoss(head, id, hint);
    const early = loss === null ? this.openTail(endOf(head)) : null;
    try {
      // Proved after the head was read: a leader that was suspended in between would fence its successor off.
      await this.leadership.prove();
      const term = termFor(this.leadership.token, head);
      const writer = await journal.takeOver(head, term, node, this.signal);
      observer.tookOver(term);
      // From here on workers trust this journal and no other one. A reset writes the hint itself.
      if (loss === null && hint?.journal !== id)
        await this.hints.write({ journal: id, position: positionOf(writer) }, this.signal);
      const knownGeneration = hint?.position.generation ?? 0;
      await this.begin(
        { journal: id, writer, knownGeneration, lastTime: head.last?.time ?? null },
        { head, loss, early },
      );
    } finally {
      await early?.close();
    }
  }

  private async begin(tenure: Tenure, { head, loss, early }: Beginning): Promise<void> {
    if (loss !== null) return await this.followReset(tenure, loss);
    this.options.observer.journaled(positionOf(tenure.writer));
    await this.follow(tenure, endOf(head), early);
  }

  private async followReset(tenure: Tenure, cause: ResetCause): Promise<void> {
    const journaled = await this.reset(tenure, cause);
    await this.follow({ ...tenure, lastTime: Date.now() }, journaled);
  }

  private openTail(journaled: Journaled): EarlyTail {
    return new EarlyTail((signal) => tailAfter(this.options.source, journaled, signal));
  }

  /** Follows the source from `journaled` on, until something fails or `signal` aborts. */
  private async follow(tenure: Tenure, journaled: Journaled, early: EarlyTail | null = null): Promise<void> {
    if (this.signal.aborted) return;
    this.following = tenure;
    this.memory = NO_FAILURE;
    this.options.logger.info({ revision: journaled.revision }, 'journaling from here');
    const tail = early ?? this.openTail(journaled);
    try {
      const identity = await this.options.source.identity(this.signal);
      const broken = historyBreak(journaled, identity);
      if (broken !== null) throw broken;
      this.options.observer.received(identity.revision);
      const raftTerm = Math.max(identity.raftTerm, journaled.anchor.raftTerm);
      await this.journalTail(tenure, tail, { ...identity, raftTerm });
    } finally {
      await tail.close();
    }
  }

  /** Journals the tail, and maintains the journal beside it. */
  private async journalTail(
    { journal, writer, lastTime }: Tenure,
    tail: EarlyTail,
    identity: SourceIdentity,
  ): Promise<void> {
    const { reserved, observer } = this.options;
    const shared = new SharedWriter(writer);
    const scope = new Scope(this.signal, shared.failed);
    const keeping = new Scope(scope.signal);
    const care = { ...this.options, hints: this.hints, requests: this.requests, journalId: journal };
    const keeper = keepJournal(care, shared, keeping.signal);
    try {
      await pump({
        tail: (stop) => tail.follow(AbortSignal.any([stop, scope.signal])),
        writer: shared,
        generation: positionOf(writer).generation,
        identity,
        notBefore: (revision) => (revision <= identity.revision ? this.earliest(revision, lastTime) : null),
        reserved,
        leadership: this.leadership,
        observer,
      });
      await this.markEnd(shared);
    } finally {
      keeping.end();
      await keeper;
      scope.end();
    }
    if (shared.failed.aborted) throw shared.failed.reason;
  }

  /** What is in history at the beginning happened after the record before it, and after the source was seen without it. */
  private earliest(revision: number, lastTime: number | null): number {
    return Math.max(lastTime ?? 0, this.options.sightings.lastWithout(revision) ?? 0, 1);
  }

  /** The journal's end shows until when it had everything: the next leader knows how old what came later can be at most. */
  private async markEnd(writer: SharedWriter): Promise<void> {
    const { position, quietForMs } = writer;
    if (position === null || writer.failed.aborted || quietForMs < MARK_END_AFTER_MS) return;
    try {
      this.leadership.assertHeld();
      await writer.append({ kind: 'progress', ...position });
    } catch (error) {
      this.options.logger.debug({ reason: describeError(error) }, 'the end of the journal was not marked');
    }
  }

  private async reset({ journal, writer, knownGeneration }: Tenure, cause: ResetCause): Promise<Journaled> {
    const { logger, observer } = this.options;
    this.leadership.assertHeld();
    // A reset that failed before is already in the log.
    if (this.memory.failure === null)
      logger.warn({ ...cause }, 'history begins again, taking a snapshot of the source');
    const journaled = await beginGeneration(this.options, writer, { cause, knownGeneration }, this.signal);
    const position = positionOf(writer);
    observer.reset(cause.reason);
    observer.journaled(position);
    await this.hints.write({ journal, position }, this.signal);
    return journaled;
  }
}

/** A writer that has taken over or appended a reset has a position. */
function positionOf(writer: JournalWriter): Position {
  return writer.position ?? { generation: 0, revision: 0 };
}

/** The end of a journal that is continued. */
function endOf({ last }: JournalHead): Journaled {
  if (last === null) throw new InvariantError('a journal without a head can only begin with a reset');
  return { revision: last.position.revision, anchor: last.anchor };
}
