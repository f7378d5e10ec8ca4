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
import { MAX_TRACKED_DELETES } from './delete-window.js';

/** Keys named as evidence. */
const NAMED_KEYS = 3;

/** What waits in the journal for a destination, up to the journal's end as it was when this began. */
export interface Survey {
  /** The last position that was looked at. */
  readonly upTo: Position;
  readonly puts: number;
  /** Keys that are deleted and not put again; counted up to MAX_TRACKED_DELETES. */
  readonly deletes: number;
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
  signal: AbortSignal,
): Promise<Survey> {
  const end = await journal.info(signal);
  const tally = new Tally(after, filter);
  const last = end.last?.position ?? after;
  if (comparePositions(after, last) >= 0) return tally.survey;
  for await (const { record } of readToEnd(journal, { from: { after }, end }, signal)) {
    if (record.kind === 'reset' && record.generation > after.generation) break;
    if (record.time > dueBy) break;
    tally.add(record);
    if (comparePositions(record, last) >= 0) break;
  }
  return tally.survey;
}

class Tally {
  private upTo: Position;
  private puts = 0;
  private changes = 0;
  private oldestTime: number | null = null;
  private readonly deleted = new Set<string>();

  constructor(
    private readonly after: Position,
    private readonly filter: Filter,
  ) {
    this.upTo = after;
  }

  get survey(): Survey {
    const { upTo, puts, changes, oldestTime, deleted } = this;
    const named = [...deleted].slice(0, NAMED_KEYS).map((key) => printableKey(Buffer.from(key, 'latin1')));
    return { upTo, puts, deletes: deleted.size, changes, oldestTime, named };
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
      } else if (this.deleted.size < MAX_TRACKED_DELETES) {
        this.deleted.add(key);
      }
    }
  }
}

/** "Revisions 12 to 40 put 3 times and delete 1,204 keys (/a, /b, ...)." */
export function describeSurvey({ puts, deletes, named, upTo }: Survey, after: Position): string {
  const names = named.length === 0 ? '' : ` (${named.join(', ')}${deletes > named.length ? ', ...' : ''})`;
  return `Revisions ${after.revision + 1} to ${upTo.revision} put ${puts.toLocaleString('en')} times and delete ${deletes.toLocaleString('en')} keys${names}.`;
}
