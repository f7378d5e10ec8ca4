import { comparePositions, type Position } from '@tidemark/core';

/** Where the journal ends, as this node last saw it. */
export interface JournalEnd {
  readonly position: Position;
  /** Milliseconds since the epoch when its last record was written. */
  readonly time: number;
}

interface Lag {
  /** From the destination's position to the journal's end. */
  readonly lagRevisions: number;
  /** Since the oldest change that is not applied was journaled. */
  readonly lagSeconds: number;
}

/** A destination's position, and how far it lags the journal. */
export class Progress {
  private at: Position = { generation: 0, revision: 0 };
  /** When the oldest change that is not applied was journaled; null when all are. */
  private oldestWaiting: number | null = null;
  /** When the newest change that was read was journaled. */
  private newestRead = Number.NEGATIVE_INFINITY;

  constructor(private readonly journal: { readonly end: JournalEnd | null }) {}

  get position(): Position {
    return this.at;
  }

  checkpointRead(position: Position): void {
    this.at = position;
  }

  /** @param time when it was journaled, milliseconds since the epoch */
  reached(position: Position, time: number): void {
    this.at = position;
    if (this.oldestWaiting === null || time < this.oldestWaiting) return;
    // What was read after it was journaled no earlier. Without it the lag would be counted from the journal's end, and the lag
    // of a destination that is held would begin again with each write to the source.
    this.oldestWaiting = this.newestRead > time || this.lags ? time : null;
  }

  /** @param time when a change was journaled that is not applied yet, milliseconds since the epoch */
  waiting(time: number): void {
    this.oldestWaiting ??= time;
    this.newestRead = Math.max(this.newestRead, time);
  }

  get lag(): Lag {
    const { end } = this.journal;
    if (!this.lags && this.oldestWaiting === null) return { lagRevisions: 0, lagSeconds: 0 };
    const oldest = this.oldestWaiting ?? end?.time ?? Date.now();
    return {
      lagRevisions: Math.max(0, (end?.position.revision ?? 0) - this.at.revision),
      lagSeconds: Math.max(0, (Date.now() - oldest) / 1000),
    };
  }

  private get lags(): boolean {
    const { end } = this.journal;
    return end !== null && comparePositions(end.position, this.at) > 0;
  }
}
