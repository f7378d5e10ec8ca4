import type { LeaderReport } from '@tidemark/api';
import type { Metrics, Position, ResetReason } from '@tidemark/core';
import type { LeaderObserver } from '@tidemark/leader';

/** Keeps what the leader reports, for status and metrics. */
export class LeaderStatus implements LeaderObserver {
  private leading: { term: number; since: string } | null = null;
  private sourceRevision = 0;
  private journal: Position | null = null;
  private compactedRevision = 0;

  constructor(private readonly metrics: Metrics) {
    this.forget();
  }

  /** Null while this node does not lead. */
  get report(): LeaderReport | null {
    if (this.leading === null) return null;
    const { sourceRevision, journal, headroom } = this;
    return { ...this.leading, sourceRevision, journal, headroomRevisions: headroom };
  }

  /** Revisions that the journal can lag before the source has compacted what comes next. */
  private get headroom(): number {
    return Math.max(0, (this.journal?.revision ?? 0) - this.compactedRevision);
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

  compacted(revision: number): void {
    this.compactedRevision = revision;
    this.metrics.sourceHeadroom.set(this.headroom);
  }

  reset(reason: ResetReason): void {
    // A missing snapshot is only replaced; after anything else revisions may begin lower.
    if (reason !== 'snapshot_missing') this.sourceRevision = 0;
    this.metrics.resets.inc({ reason });
  }

  fenced(): void {
    this.metrics.fenced.inc({ role: 'leader' });
  }

  steppedDown(): void {
    this.leading = null;
    this.forget();
  }

  /** What only a leader knows must not be 0, or an old value, on a node that does not lead: alerts compare it. */
  private forget(): void {
    this.metrics.leader.set(0);
    this.metrics.sourceRevision.remove();
    this.metrics.sourceHeadroom.remove();
  }
}
