import {
  comparePositions,
  type JournalReader,
  type JournalRecord,
  type Position,
  printableKey,
  readToEnd,
  type Write,
} from '@tidemark/core';
import type { Filter } from '../routes/filter.js';
import type { DeleteCount } from './limits.js';
import { NamedKeys } from './named-keys.js';

/** Keys named as evidence. */
const NAMED_KEYS = 3;

/** What waits in the journal for a destination, up to the journal's end as it was when this was read. */
export interface Survey {
  /** The last position that was looked at. */
  readonly upTo: Position;
  readonly puts: number;
  /** Keys that are deleted and not put again; as many as there is space to remember: see `NamedKeys`. */
  readonly count: DeleteCount;
  /** Writes, each key as often as it is written. */
  readonly changes: number;
  /**
   * When the oldest change happened at the earliest, milliseconds since the epoch; null when there is none. A leader that
   * read it from history does not know when it happened, so it counts as old as it can be.
   */
  readonly oldestTime: number | null;
  /** Some of the keys that would be deleted. */
  readonly named: readonly string[];
}

interface SurveyOptions {
  readonly journal: Pick<JournalReader, 'info' | 'read'>;
  readonly filter: Filter;
  /** Where it begins. */
  readonly after: Position;
}

/**
 * Reads what waits, without applying it. Can be read on: what was counted is not read again. Ends at a reset, because what
 * comes after it is a resync.
 */
export class WaitingChanges {
  private upTo: Position;
  private puts = 0;
  private changes = 0;
  private oldestTime: number | null = null;
  private readonly deleted = new NamedKeys();
  private counted = true;

  constructor(private readonly options: SurveyOptions) {
    this.upTo = options.after;
  }

  /** Gives the memory for names back. */
  close(): void {
    this.deleted.clear();
  }

  /**
   * Reads on to the journal's end as it is now, or to what was journaled after `dueBy`, milliseconds since the epoch.
   * @throws JournalPositionLostError when retention has removed what comes next
   */
  async readOn(signal: AbortSignal, dueBy = Number.POSITIVE_INFINITY): Promise<Survey> {
    const { journal, after } = this.options;
    const end = await journal.info(signal);
    const last = end.last?.position ?? this.upTo;
    if (comparePositions(this.upTo, last) >= 0) return this.survey;
    for await (const { record } of readToEnd(journal, { from: { after: this.upTo }, end }, signal)) {
      if (record.kind === 'reset' && record.generation > after.generation) break;
      if (record.time > dueBy) break;
      this.add(record);
      if (comparePositions(record, last) >= 0) break;
    }
    return this.survey;
  }

  private get survey(): Survey {
    const { upTo, puts, changes, oldestTime, deleted, counted } = this;
    const named: string[] = [];
    for (const [key] of deleted.entries) {
      if (named.length === NAMED_KEYS) break;
      named.push(printableKey(Buffer.from(key, 'latin1')));
    }
    const count = { deletes: deleted.size, all: counted };
    return { upTo, puts, count, changes, oldestTime, named };
  }

  private add(record: JournalRecord): void {
    if (record.kind === 'batch') {
      const time = record.notBefore ?? record.time;
      for (const entry of record.entries) {
        if (entry.revision > this.upTo.revision) this.addWrites(this.options.filter.mapEntry(entry), time);
      }
    }
    if (comparePositions(record, this.upTo) <= 0) return;
    this.upTo = { generation: record.generation, revision: record.revision };
  }

  private addWrites(writes: readonly Write[], time: number): void {
    if (writes.length > 0) this.oldestTime = Math.min(this.oldestTime ?? time, time);
    this.changes += writes.length;
    for (const write of writes) {
      const key = write.key.toString('latin1');
      if (write.kind === 'put') {
        this.puts++;
        this.deleted.delete(key);
      } else if (!this.deleted.set(key, time)) {
        this.counted = false;
      }
    }
  }
}

/** What waits after a position, read once. */
export async function survey(
  options: SurveyOptions,
  signal: AbortSignal,
  dueBy = Number.POSITIVE_INFINITY,
): Promise<Survey> {
  const waiting = new WaitingChanges(options);
  try {
    return await waiting.readOn(signal, dueBy);
  } finally {
    waiting.close();
  }
}

/** "Revisions 12 to 40 put 3 times and delete 1,204 keys (/a, /b, ...)." */
export function describeSurvey({ puts, count, named, upTo }: Survey, after: Position): string {
  const { deletes, all } = count;
  const keys = `${deletes.toLocaleString('en')}${all ? '' : ' or more'} keys`;
  const names = named.length === 0 ? '' : ` (${named.join(', ')}${deletes > named.length ? ', ...' : ''})`;
  return `Revisions ${after.revision + 1} to ${upTo.revision} put ${puts.toLocaleString('en')} times and delete ${keys}${names}.`;
}
