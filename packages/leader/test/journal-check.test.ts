import { type JournalInfo, JournalPositionLostError, JournalReplacedError, type Position } from '@tidemark/core';
import { describe, expect, it } from 'vitest';
import { journalFault } from '../src/journal-check.js';

const ID = '5e884898-da28-4715-a6d0-1f6a3b2c9d10';

function journal(last: Position | null, id = ID): JournalInfo {
  const end = last && { position: last, term: 1, time: 0 };
  const first = last && { position: last, previous: last.revision, time: 0 };
  return { id, firstSequence: 1, lastSequence: 1, bytes: 0, first, last: end, deviations: [] };
}

const at = (generation: number, revision: number): Position => ({ generation, revision });

describe('the journal that the leader writes', () => {
  it('is relied on at what was stored, and ahead of it: appends are under way', () => {
    expect(journalFault(journal(at(1, 5)), ID, at(1, 5))).toBeNull();
    expect(journalFault(journal(at(1, 9)), ID, at(1, 5))).toBeNull();
    expect(journalFault(journal(at(2, 3)), ID, at(1, 5))).toBeNull();
    expect(journalFault(journal(null), ID, null)).toBeNull();
  });

  it('has lost what it acknowledged when it ends before that, or is empty', () => {
    expect(journalFault(journal(at(1, 4)), ID, at(1, 5))).toBeInstanceOf(JournalPositionLostError);
    expect(journalFault(journal(at(1, 9)), ID, at(2, 5))).toBeInstanceOf(JournalPositionLostError);
    expect(journalFault(journal(null), ID, at(1, 5))).toBeInstanceOf(JournalPositionLostError);
  });

  it('was replaced when its id is another one, wherever it ends', () => {
    const other = journal(at(1, 9), '00000000-0000-4000-8000-000000000000');
    expect(journalFault(other, ID, at(1, 5))).toBeInstanceOf(JournalReplacedError);
  });
});
