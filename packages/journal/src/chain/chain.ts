import {
  type Anchor,
  comparePositions,
  formatPosition,
  InvariantError,
  type JournalRecord,
  type Position,
  type RecordDraft,
} from '@tidemark/core';

/** Where the journal stands behind a record: what the next record has to follow. */
export interface ChainPoint {
  readonly position: Position;
  readonly term: number;
  readonly anchor: Anchor;
}

export function behind(record: JournalRecord): ChainPoint {
  return { position: positionOf(record), term: record.term, anchor: record.anchor };
}

export function positionOf(record: JournalRecord): Position {
  return { generation: record.generation, revision: record.revision };
}

/** What is wrong with `record` as the successor of `before`, in words, or null. `before` is null when it is not known. */
export function chainFault(before: ChainPoint | null, record: JournalRecord): string | null {
  return shapeFault(record) ?? (before === null ? null : linkFault(before, record));
}

function linkFault(before: ChainPoint, record: JournalRecord): string | null {
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
    return 'its snapshot stands at another position';
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
      return `entry ${entry.revision} stands where ${previous + 1 + index} is due`;
  }
  return null;
}

/**
 * Adds to a draft what the writer knows: term, chain, time, and the anchor, which only a batch or a reset sets. The writer checks the chain on its side too, so that a
 * defect of the leader is stopped before it is stored rather than found by every reader.
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
  if (before === null) throw new InvariantError(`A ${draft.kind} record has nothing to stand on.`);
  return before.anchor;
}
