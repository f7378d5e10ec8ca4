import type { Metrics, Position, ResetReason } from '@tidemark/core';
import type { LeaderObserver } from '@tidemark/leader';

export interface LeaderReport {
  readonly term: number;
  /** RFC 3339. */
  readonly since: string;
  readonly sourceRevision: number;
  readonly journal: Position | null;
}

/** Keeps what the leader tells, for status and metrics. */
export class LeaderStatus implements LeaderObserver {
  private leading: { term: number; since: string } | null = null;
  private sourceRevision = 0;
  private journal: Position | null = null;

  constructor(private readonly metrics: Metrics) {
    metrics.leader.set(0);
  }

  /** Null while this node does not lead. */
  get report(): LeaderReport | null {
    if (this.leading === null) return null;
    return { ...this.leading, sourceRevision: this.sourceRevision, journal: this.journal };
  }

  elected(token: number): void {
    this.leading = { term: token, since: new Date().toISOString() };
    this.metrics.leader.set(1);
  }

  tookOver(term: number): void {
    this.leading = { since: this.leading?.since ?? new Date().toISOString(), term };
    this.metrics.term.set(term);
  }

  received(revision: number): void {
    this.sourceRevision = Math.max(this.sourceRevision, revision);
    this.metrics.sourceRevision.set(this.sourceRevision);
  }

  journaled(position: Position): void {
    this.journal = position;
    this.metrics.journalRevision.set(position.revision);
  }

  reset(reason: ResetReason): void {
    this.sourceRevision = 0;
    this.metrics.resets.inc({ reason });
  }

  fenced(): void {
    this.metrics.fenced.inc({ role: 'leader' });
  }

  steppedDown(): void {
    this.leading = null;
    this.metrics.leader.set(0);
  }
}
