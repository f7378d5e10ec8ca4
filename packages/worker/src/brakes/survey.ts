import {
  comparePositions,
  type JournalReader,
  type JournalRecord,
  type Position,
  printableKey,
  Scope,
  type Write,
} from '@tidemark/core';
import type { Filter } from '../routes/filter.js';
import type { DeleteCount } from './limits.js';
import { NamedKeys } from './named-keys.js';

/** Keys named as evidence. */
const NAMED_KEYS = 3;

/** What waits in the journal for a destination, up to the journal's end as it was when this began. */
export interface Survey {
  /** The last position that was looked at. */
  readonly upTo: Position;
  readonly puts: number;
  /** Keys that are deleted and not put again; as many as there is space to remember: see `NamedKeys`. */
  readonly count: DeleteCount;
  /** Writes, each key as often as it is written. */
  readonly changes: number;
  /** When the oldest change was journaled, milliseconds since the epoch; null when there is none. */
  readonly oldestTime: number | null;
  /** Some of the keys that would be deleted. */
  readonly named: readonly string[];
}

/**
 * Reads ahead, without applying. Ends early at a reset: what comes after it is a resync. And at what was
 * journaled after `dueBy`, milliseconds since the epoch.
 */
export async function survey(
  journal: Pick<JournalReader, 'info' | 'read'>,
  { after, filter, dueBy = Number.POSITIVE_INFINITY }: { after: Position; filter: Filter; dueBy?: number },
  outer: AbortSignal,
): Promise<Survey> {
  const { last } = await journal.info(outer);
  const tally = new Tally(after, filter);
  const end = last?.position ?? after;
  if (comparePositions(after, end) >= 0) return tally.survey;
  const scope = new Scope(outer);
  try {
    for await (const { record } of journal.read({ after }, scope.signal)) {
      if (record.kind === 'reset' && record.generation > after.generation) break;
      if (record.time > dueBy) break;
      tally.add(record);
      if (comparePositions(record, end) >= 0) break;
    }
    return tally.survey;
  } finally {
    scope.end();
    tally.close();
  }
}

class Tally {
  private upTo: Position;
  private puts = 0;
  private changes = 0;
  private oldestTime: number | null = null;
  private readonly deleted = new NamedKeys();
  private counted = true;

  constructor(
    private readonly after: Position,
    private readonly filter: Filter,
  ) {
    this.upTo = after;
  }

  get survey(): Survey {
    const { upTo, puts, changes, oldestTime, deleted, counted } = this;
    const named: string[] = [];
    for (const [key] of deleted.entries) {
      if (named.length === NAMED_KEYS) break;
      named.push(printableKey(Buffer.from(key, 'latin1')));
    }
    const count = { deletes: deleted.size, all: counted };
    return { upTo, puts, count, changes, oldestTime, named };
  }

  close(): void {
    this.deleted.clear();
  }

  add(record: JournalRecord): void {
    if (record.kind === 'batch') {
      for (const entry of record.entries) {
        if (entry.revision > this.after.revision) this.addWrites(this.filter.mapEntry(entry), record.time);
      }
    }
    this.upTo = { generation: record.generation, revision: record.revision };
  }

  private addWrites(writes: readonly Write[], time: number): void {
    if (writes.length > 0) this.oldestTime ??= time;
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

/** "Revisions 12 to 40 put 3 times and delete 1,204 keys (/a, /b, ...)." */
export function describeSurvey({ puts, count, named, upTo }: Survey, after: Position): string {
  const { deletes, all } = count;
  const keys = `${deletes.toLocaleString('en')}${all ? '' : ' or more'} keys`;
  const names = named.length === 0 ? '' : ` (${named.join(', ')}${deletes > named.length ? ', ...' : ''})`;
  return `Revisions ${after.revision + 1} to ${upTo.revision} put ${puts.toLocaleString('en')} times and delete ${keys}${names}.`;
}
