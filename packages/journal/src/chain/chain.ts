import {
  type Anchor,
  comparePositions,
  formatPosition,
  InvariantError,
  type JournalRecord,
  type Position,
  type RecordDraft,
} from '@tidemark/core';

/** The end of a record, which the next record has to follow. */
export interface ChainPoint {
  readonly position: Position;
  readonly term: number;
  readonly anchor: Anchor;
}

export function pointAfter(record: JournalRecord): ChainPoint {
  return { position: positionOf(record), term: record.term, anchor: record.anchor };
}

export function positionOf(record: JournalRecord): Position {
  return { generation: record.generation, revision: record.revision };
}

/** What is wrong with `record` as the successor of `before`, in words, or null. `before` is null when it is not known. */
export function chainFault(before: ChainPoint | null, record: JournalRecord): string | null {
  return shapeFault(record) ?? (before === null ? null : orderFault(before, record));
}

function orderFault(before: ChainPoint, record: JournalRecord): string | null {
  const { position } = before;
  if (record.term < before.term) return `its term ${record.term} is older than ${before.term}, the one before`;
  if (record.kind === 'reset') {
    if (record.generation > position.generation) return null;
    return `it resets to generation ${record.generation}, but ${position.generation} was already reached`;
  }
  if (record.generation === position.generation && record.previous === position.revision) return null;
  return `it follows ${record.generation}/${record.previous}, but the record before ends at ${formatPosition(position)}`;
}

function shapeFault(record: JournalRecord): string | null {
  if (record.kind === 'batch') return batchFault(record.previous, record.revision, record.entries);
  if (record.previous !== record.revision) return `a ${record.kind} record moves the revision`;
  if (record.kind === 'reset' && comparePositions(record.snapshot.position, record) !== 0) {
    return 'its snapshot is at another position';
  }
  if (record.kind === 'snapshot' && !reaches(record.snapshot.position, record)) {
    return 'its snapshot is of another generation, or ahead';
  }
  return null;
}

function reaches(snapshot: Position, record: JournalRecord): boolean {
  return snapshot.generation === record.generation && snapshot.revision <= record.revision;
}

function batchFault(previous: number, revision: number, entries: readonly { revision: number }[]): string | null {
  if (entries.length !== revision - previous || entries.length === 0) {
    return `${entries.length} entries do not cover revisions ${previous + 1} to ${revision}`;
  }
  for (const [index, entry] of entries.entries()) {
    if (entry.revision !== previous + 1 + index)
      return `entry ${entry.revision} is in the place of ${previous + 1 + index}`;
  }
  return null;
}

/**
 * Adds the writer's fields to a draft: term, chain, time, and the anchor, which only a batch or a reset sets. The writer
 * checks the chain as a reader does, so that a defect of the leader is never stored.
 * @throws InvariantError when the record does not follow `before`; an empty journal (null) begins with a reset
 */
export function completeDraft(
  draft: RecordDraft,
  before: ChainPoint | null,
  by: { term: number; time: number },
): JournalRecord {
  if (before === null && draft.kind !== 'reset') {
    throw new InvariantError(`The first record of a journal must be a reset, not a ${draft.kind} record.`);
  }
  const previous = draft.kind === 'reset' ? draft.revision : (before?.position.revision ?? 0);
  const chained = { ...by, previous, anchor: anchorOf(draft, before) };
  const record: JournalRecord =
    draft.kind === 'batch' ? { notBefore: null, ...draft, ...chained } : { ...draft, ...chained };
  const fault = chainFault(before, record);
  if (fault !== null) throw new InvariantError(`A ${draft.kind} record was not appended: ${fault}.`);
  return record;
}

function anchorOf(draft: RecordDraft, before: ChainPoint | null): Anchor {
  if (draft.kind === 'batch' || draft.kind === 'reset') return draft.anchor;
  if (before === null) throw new InvariantError(`A ${draft.kind} record has no record before it.`);
  return before.anchor;
}
