import {
  Backoff,
  describeError,
  type Elector,
  FencedError,
  HistoryLostError,
  historyBreak,
  InvariantError,
  type Journal,
  type Journaled,
  type JournalHead,
  JournalHints,
  type JournalWriter,
  type Leadership,
  LeadershipLostError,
  type Logger,
  type Position,
  type ReservedKeys,
  Scope,
  type SharedFacts,
  SnapshotRequests,
  type Source,
} from '@tidemark/core';
import { EarlyTail } from './early-tail.js';
import { beginGeneration, type ResetCause } from './generation.js';
import { journalLoss } from './hint.js';
import { keepJournal } from './keeper.js';
import type { LeaderObserver } from './observer.js';
import { tailBehind } from './overlap.js';
import { pump } from './pump.js';
import { SharedWriter } from './shared-writer.js';
import type { SnapshotQueue } from './snapshot-queue.js';
import { termFor } from './term.js';

export interface LeaderOptions {
  readonly node: string;
  readonly source: Source;
  readonly journal: Journal;
  readonly elector: Elector;
  readonly facts: SharedFacts;
  readonly snapshotQueue: SnapshotQueue;
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
  await options.elector.lead((leadership) => new Term(options, leadership).run(), signal);
}

/** The journal while one writer holds it. */
interface Tenure {
  /** Identity of the journal. */
  readonly journal: string;
  readonly writer: JournalWriter;
  /** The highest generation known from the hint; 0 without one. */
  readonly known: number;
}

/** What was known when the journal was taken over. */
interface Beginning {
  readonly head: JournalHead;
  /** Why history begins anew, null when the journal goes on. */
  readonly loss: ResetCause | null;
  /** The tail behind the head. Null when history begins anew. */
  readonly early: EarlyTail | null;
}

/** One leadership, from election to loss. Every fault inside it leads to the same place: take over again from the journal's head. */
class Term {
  private readonly backoff = new Backoff({ initialMs: 100, maxMs: 5_000 });
  /** Between two resets: each is a snapshot of the whole source. */
  private readonly rest = new Backoff({ initialMs: 100, maxMs: 60_000 });
  private readonly signal: AbortSignal;
  private readonly hints: JournalHints;
  private readonly requests: SnapshotRequests;
  /** What the last attempt failed with, so that a lasting fault is logged once. */
  private trouble: string | null = null;

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
      while (!this.signal.aborted) {
        try {
          await this.journalSource();
        } catch (error) {
          if (error instanceof LeadershipLostError) return;
          if (this.signal.aborted) return;
          if (error instanceof FencedError) observer.fenced();
          this.report(error);
          await this.backoff.wait(this.signal);
        }
      }
    } finally {
      observer.steppedDown();
      logger.info({ token: this.leadership.token }, 'stepped down');
    }
  }

  /**
   * From the journal's head to the end of this attempt. The position comes from the head alone, never from memory: what
   * an earlier attempt believed to have written may be there or not.
   */
  private async journalSource(): Promise<void> {
    const { journal, node, observer } = this.options;
    await journal.open(this.signal);
    const [{ id }, head, hint] = await Promise.all([
      journal.info(this.signal),
      journal.head(this.signal),
      this.hints.read(this.signal),
    ]);
    const loss = journalLoss(head, id, hint);
    const early = loss === null ? this.openTail(standing(head)) : null;
    try {
      // Behind the head: a leader that was suspended in between must not find its successor's head and fence it.
      await this.leadership.prove();
      const term = termFor(this.leadership.token, head);
      const writer = await journal.takeOver(head, term, node, this.signal);
      observer.tookOver(term);
      // From here on workers believe this journal, and no other one. A reset notes it by itself.
      if (loss === null && hint?.journal !== id)
        await this.hints.write({ journal: id, position: positionOf(writer) }, this.signal);
      await this.journalFrom({ journal: id, writer, known: hint?.position.generation ?? 0 }, { head, loss, early });
    } finally {
      await early?.close();
    }
  }

  private async journalFrom(tenure: Tenure, { head, loss, early }: Beginning): Promise<void> {
    let journaled = loss === null ? standing(head) : await this.reset(tenure, loss);
    let tail = early;
    this.options.observer.journaled(positionOf(tenure.writer));
    while (!this.signal.aborted) {
      this.recovered(journaled);
      try {
        await this.follow(tenure, journaled, tail ?? this.openTail(journaled));
        return;
      } catch (error) {
        if (!(error instanceof HistoryLostError)) throw error;
        // A source whose history is lost each time is two clusters behind one address, for one.
        await this.rest.wait(this.signal);
        journaled = await this.reset(tenure, { reason: error.reason, evidence: error.message });
        tail = null;
      }
    }
  }

  private openTail(journaled: Journaled): EarlyTail {
    return new EarlyTail((signal) => tailBehind(this.options.source, journaled, signal));
  }

  private async follow(tenure: Tenure, journaled: Journaled, tail: EarlyTail): Promise<void> {
    try {
      const identity = await this.options.source.identity(this.signal);
      const broken = historyBreak(journaled, identity);
      if (broken !== null) throw broken;
      this.options.observer.received(identity.revision);
      const raftTerm = Math.max(identity.raftTerm, journaled.anchor.raftTerm);
      await this.pump(tenure, tail, { clusterId: identity.clusterId, raftTerm });
    } finally {
      await tail.close();
    }
  }

  /** Journals the tail, and keeps the journal beside it. */
  private async pump(
    { journal, writer }: Tenure,
    tail: EarlyTail,
    identity: { readonly clusterId: string; readonly raftTerm: number },
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
        reserved,
        leadership: this.leadership,
        observer,
      });
    } finally {
      keeping.end();
      await keeper;
      scope.end();
    }
    if (shared.failed.aborted) throw shared.failed.reason;
  }

  private async reset({ journal, writer, known }: Tenure, cause: ResetCause): Promise<Journaled> {
    const { logger, observer } = this.options;
    this.leadership.assertHeld();
    // Once per trouble: an attempt that fails and comes here again has been reported.
    if (this.trouble === null) logger.warn({ ...cause }, 'history begins anew, taking a snapshot of the source');
    const journaled = await beginGeneration(this.options, writer, { cause, known }, this.signal);
    const position = positionOf(writer);
    observer.reset(cause.reason);
    observer.journaled(position);
    await this.hints.write({ journal, position }, this.signal);
    return journaled;
  }

  private report(error: unknown): void {
    const trouble = describeError(error);
    if (trouble !== this.trouble) this.options.logger.warn({ err: error }, 'journaling stopped, will try again');
    this.trouble = trouble;
  }

  private recovered(journaled: Journaled): void {
    this.trouble = null;
    this.options.logger.info({ revision: journaled.revision }, 'journaling from here');
  }
}

/** A writer that has taken over or appended a reset has a position. */
function positionOf(writer: JournalWriter): Position {
  return writer.position ?? { generation: 0, revision: 0 };
}

/** Where a journal that is continued stands. */
function standing({ last }: JournalHead): Journaled {
  if (last === null) throw new InvariantError('a journal without a head can only begin with a reset');
  return { revision: last.position.revision, anchor: last.anchor };
}
