import type { DestinationReport, ForeignWrites, Verified } from '@tidemark/api';
import { DESTINATION_STATES, type ForeignWrite, type Metrics, type Position, printableKey } from '@tidemark/core';
import { type Condition, driftOf, type VerifyReport, type WorkerObserver } from '@tidemark/worker';
import { journalHeadroomSeconds, type Retention } from './headroom.js';
import { type JournalEnd, Progress } from './progress.js';

/** Enough to find out who it is. */
const LISTED_FOREIGN_KEYS = 5;

/** The journal as this node last saw it. */
export interface JournalView {
  readonly end: JournalEnd | null;
  /** Null before the first look, or while it is empty. */
  readonly retention: Retention | null;
}

/** Keeps what a destination's worker reports, for status and metrics. */
export class DestinationStatus implements WorkerObserver {
  private seen: Condition = { state: 'starting', reason: null, hold: null, since: new Date().toISOString() };
  private readonly progress: Progress;
  private transactions = 0;
  private foreignWrites: ForeignWrites = { count: 0, last: null, keys: [] };
  private lastVerified: Verified | null = null;
  private changes = 0;

  constructor(
    private readonly identity: { readonly name: string; readonly kind: string; readonly owner: string },
    private readonly metrics: Metrics,
    private readonly journal: JournalView,
  ) {
    this.progress = new Progress(journal);
  }

  condition(condition: Condition): void {
    const destination = this.identity.name;
    const { state, hold } = condition;
    if (hold !== null && hold.id !== this.seen.hold?.id)
      this.metrics.brakeHolds.inc({ destination, brake: hold.brake });
    this.seen = condition;
    for (const each of DESTINATION_STATES)
      this.metrics.destinationState.set({ destination, state: each }, each === state ? 1 : 0);
  }

  checkpointRead(position: Position): void {
    this.progress.checkpointRead(position);
  }

  applied({ puts, deletes, seconds }: { puts: number; deletes: number; seconds: number }): void {
    const destination = this.identity.name;
    this.transactions++;
    this.changes += puts + deletes;
    this.metrics.appliedTransactions.inc({ destination });
    if (puts > 0) this.metrics.appliedChanges.inc({ destination, op: 'put' }, puts);
    if (deletes > 0) this.metrics.appliedChanges.inc({ destination, op: 'delete' }, deletes);
    this.metrics.applySeconds.observe({ destination }, seconds);
  }

  reached(position: Position, time: number): void {
    this.progress.reached(position, time);
  }

  waiting(time: number): void {
    this.progress.waiting(time);
  }

  fenced(): void {
    this.metrics.fenced.inc({ role: 'worker' });
  }

  foreign(writes: readonly ForeignWrite[]): void {
    const keys = [...writes.map(({ key }) => printableKey(key)).reverse(), ...this.foreignWrites.keys];
    this.foreignWrites = {
      count: this.foreignWrites.count + writes.length,
      last: new Date().toISOString(),
      keys: [...new Set(keys)].slice(0, LISTED_FOREIGN_KEYS),
    };
    this.metrics.foreignWrites.inc({ destination: this.identity.name }, writes.length);
  }

  verified(report: VerifyReport): void {
    const drift = driftOf(report);
    this.lastVerified = { at: new Date().toISOString(), revision: report.position.revision, drift };
    this.metrics.driftKeys.set({ destination: this.identity.name }, drift);
  }

  /** The report now; also brings the gauges up to date. */
  get report(): Omit<DestinationReport, 'deviations'> {
    const { position, lag } = this.progress;
    const destination = this.identity.name;
    this.metrics.destinationRevision.set({ destination }, position.revision);
    this.metrics.destinationLagRevisions.set({ destination }, lag.lagRevisions);
    this.metrics.destinationLagSeconds.set({ destination }, lag.lagSeconds);
    const headroomSeconds = this.headroomSeconds(lag.lagSeconds);
    if (headroomSeconds !== null) this.metrics.journalHeadroom.set({ destination }, headroomSeconds);
    return {
      ...this.identity,
      ...this.seen,
      ...position,
      ...lag,
      headroomSeconds,
      appliedTransactions: this.transactions,
      appliedChanges: this.changes,
      foreignWrites: this.foreignWrites,
      verified: this.lastVerified,
    };
  }

  /** Removes the gauges of a destination that this node no longer owns: they would not be true. */
  forget(): void {
    const destination = this.identity.name;
    const { destinationRevision, destinationLagRevisions, destinationLagSeconds, journalHeadroom, driftKeys } =
      this.metrics;
    for (const gauge of [
      destinationRevision,
      destinationLagRevisions,
      destinationLagSeconds,
      journalHeadroom,
      driftKeys,
    ])
      gauge.remove({ destination });
    for (const state of DESTINATION_STATES) this.metrics.destinationState.remove({ destination, state });
  }

  private headroomSeconds(lagSeconds: number): number | null {
    const { retention } = this.journal;
    return retention && journalHeadroomSeconds(retention.now - lagSeconds * 1000, retention);
  }
}
