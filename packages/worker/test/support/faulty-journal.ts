import {
  aborted,
  JournalChainBrokenError,
  type JournalInfo,
  JournalPositionLostError,
  type ReadFrom,
  type StoredRecord,
} from '@tidemark/core';
import { MemoryJournal, type MemoryStream } from '@tidemark/journal';
import { FaultySnapshots } from '@tidemark/testing';

/** The oldest record that is left of a journal. */
interface Oldest {
  /** Its revision; that of what was lost unless a test says more. */
  readonly oldest?: number;
  /** When it was journaled; now unless a test says more. */
  readonly time?: number;
}

const REMEDY = 'None needed: a test asked for this.';

/** A journal in memory, and the faults that tests of a worker need. */
export class FaultyJournal extends MemoryJournal {
  override readonly snapshots: FaultySnapshots;
  /** Calls of `info` so far. */
  infos = 0;
  private first: JournalInfo['first'] = null;
  private lostUpTo: number | null = null;
  private missing: number | null = null;
  private stalled = false;

  constructor(stream: MemoryStream) {
    super(stream);
    this.snapshots = new FaultySnapshots(new MemoryJournal(stream).snapshots);
  }

  /** Retention has removed what led up to a revision of generation 1. */
  loseUpTo(revision: number, { oldest = revision, time = Date.now() }: Oldest = {}): void {
    this.lostUpTo = revision;
    this.first = { position: { generation: 1, revision: oldest }, previous: revision, time };
  }

  /** The message of this revision is missing: whoever reads from before it finds the chain broken. */
  loseMessage(revision: number): void {
    this.missing = revision;
  }

  /** Each reader gets one record, and then waits until it is aborted. */
  stallAfterFirst(): void {
    this.stalled = true;
  }

  override async info(signal: AbortSignal): Promise<JournalInfo> {
    this.infos++;
    const info = await super.info(signal);
    return this.first === null ? info : { ...info, first: this.first };
  }

  override read(from: ReadFrom, signal: AbortSignal): AsyncGenerator<StoredRecord> {
    const after = from === 'oldest' ? null : from.after.revision;
    if (this.lostUpTo !== null && after !== null && after < this.lostUpTo) {
      throw new JournalPositionLostError({ message: 'lost', remedy: REMEDY });
    }
    if (this.missing !== null && (after === null || after < this.missing)) {
      throw new JournalChainBrokenError({ message: 'missing', remedy: REMEDY });
    }
    const records = super.read(from, signal);
    return this.stalled ? oneOf(records, signal) : records;
  }
}

async function* oneOf(records: AsyncGenerator<StoredRecord>, signal: AbortSignal): AsyncGenerator<StoredRecord> {
  for await (const record of records) {
    yield record;
    await aborted(signal);
  }
}
