import {
  comparePositions,
  formatPosition,
  JournalChainBrokenError,
  JournalPositionLostError,
  type JournalRecord,
  type Position,
  type StoredRecord,
} from '@tidemark/core';
import { type JournalMessage, RecordAssembler } from '../format/assembler.js';
import { type ChainPoint, chainFault, pointAfter, positionOf } from './chain.js';

export interface CursorStart {
  /** Sequence of the first message to read. */
  readonly next: number;
  /** Where the record before `next` ends, when it is known. */
  readonly before: ChainPoint | null;
  /** Records up to here are skipped. */
  readonly after: Position | null;
  /** Whether a message before `next` is at or before `after`: the journal reaches back to `after` then. */
  readonly reachesBack: boolean;
}

/** A reader's place in the stream: turns messages into checked records. Pure; knows no server. */
export class Cursor {
  next: number;
  /** The last message that was read, to recognise the stream after an interruption. */
  lastMessage: Pick<JournalMessage, 'sequence' | 'headers'> | null = null;
  private before: ChainPoint | null;
  private after: Position | null;
  private reachesBack: boolean;
  private readonly assembler = new RecordAssembler();

  constructor(start: CursorStart) {
    this.next = start.next;
    this.before = start.before;
    this.after = start.after;
    this.reachesBack = start.reachesBack;
  }

  /** Position after the last record that was read, null before the first one. */
  get position(): Position | null {
    return this.before?.position ?? null;
  }

  /**
   * Takes the message at `next` and returns the record that it completes, null when there is none or it is skipped.
   * @throws JournalChainBrokenError @throws JournalPositionLostError @throws JournalCorruptError
   */
  take(message: JournalMessage): StoredRecord | null {
    this.next = message.sequence + 1;
    // Without the payload, which a quiet journal would keep in memory for hours.
    this.lastMessage = { sequence: message.sequence, headers: message.headers };
    const stored = this.assembler.push(message);
    if (stored === null) return null;
    const fault = chainFault(this.before, stored.record);
    if (fault !== null) throw chainBroken(`Record ${stored.sequence} does not follow the one before: ${fault}.`);
    const admitted = this.admits(stored.record);
    this.before = pointAfter(stored.record);
    return admitted ? stored : null;
  }

  private admits(record: JournalRecord): boolean {
    if (this.after === null) return true;
    if (comparePositions(positionOf(record), this.after) <= 0) {
      this.reachesBack = true;
      return false;
    }
    this.assertFollows(record, this.after);
    this.after = null;
    return true;
  }

  /** The first record after `after` must contain or follow it; a reset follows every position before it. */
  private assertFollows(record: JournalRecord, after: Position): void {
    const start = { generation: record.generation, revision: record.previous };
    if (comparePositions(start, after) <= 0) return;
    if (!this.reachesBack) throw positionLost(after, start);
    if (record.kind === 'reset') return;
    throw chainBroken(`The journal has no records from ${formatPosition(after)} to ${formatPosition(start)}.`);
  }
}

export function chainBroken(message: string): JournalChainBrokenError {
  return new JournalChainBrokenError({
    message,
    remedy: 'Nothing to do: destinations resync from the newest snapshot. Keep the stream to examine it.',
  });
}

export function positionLost(wanted: Position, oldest: Position): JournalPositionLostError {
  return new JournalPositionLostError({
    message: `The journal begins at ${formatPosition(oldest)} and does not reach back to ${formatPosition(wanted)}.`,
    remedy:
      'Nothing to do: the destination resyncs from the newest snapshot. Raise journal.maxAge and journal.maxBytes to avoid it.',
  });
}
