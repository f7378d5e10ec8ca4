import type { Checkpoint, JournalInfo } from '@tidemark/core';
import { expect, it } from 'vitest';
import { decide, type Known, type Situation } from '../src/owner/decide.js';

const info: JournalInfo = {
  ...{ id: 'journal', firstSequence: 1, lastSequence: 1, bytes: 1, first: null, last: null, deviations: [] },
};
const good: Checkpoint = {
  ...{ journal: 'journal', position: { generation: 1, revision: 7 }, filter: 'routes' },
  ...{ resync: null, partial: null, fence: null },
};
const order = { id: 'order', by: 'sre@host', at: 'then' };

/** Everything that is looked at, and every value of it that makes a difference. */
const VALUES = {
  pause: { no: null, yes: { by: 'sre@host', at: 'then' } },
  order: { none: null, new: order, done: { ...order, id: 'done' } },
  writesLost: { no: false, yes: true },
  cutOff: { no: null, lost: 'position_lost', reset: 'reset' },
  checkpoint: {
    good,
    none: null,
    guarded: { ...good, resync: { snapshot: 's', target: { generation: 1, revision: 9 }, attempt: 1 } },
    otherRoutes: { ...good, filter: 'others' },
    otherJournal: { ...good, journal: 'other' },
  },
  attempt: { begins: null, looked: { passed: null }, passed: { passed: { letGo: null, judged: null } } },
} as const;
type Row = { readonly [Name in keyof typeof VALUES]?: keyof (typeof VALUES)[Name] };

/** The first row that fits says what happens. What a row does not name makes no difference to it. */
const TABLE: readonly (readonly [row: Row, step: string])[] = [
  [{ pause: 'yes' }, 'wait'],
  [{ attempt: 'begins' }, 'look'],
  [{ order: 'new' }, 'resync: ordered'],
  [{ writesLost: 'yes' }, 'resync: writes_lost'],
  [{ cutOff: 'lost' }, 'resync: position_lost'],
  [{ cutOff: 'reset' }, 'resync: reset'],
  [{ checkpoint: 'none' }, 'resync: no_checkpoint'],
  [{ checkpoint: 'guarded' }, 'resync: interrupted'],
  [{ checkpoint: 'otherRoutes' }, 'resync: other_routes'],
  [{ checkpoint: 'otherJournal' }, 'resync: other_journal'],
  [{ attempt: 'looked' }, 'pass'],
  [{ attempt: 'passed' }, 'follow'],
];

function everyRow(): Required<Row>[] {
  let rows: Row[] = [{}];
  for (const [name, values] of Object.entries(VALUES)) {
    rows = rows.flatMap((row) => Object.keys(values).map((value) => ({ ...row, [name]: value })));
  }
  return rows as Required<Row>[];
}

function situationOf(row: Required<Row>): Situation {
  const attempt = VALUES.attempt[row.attempt];
  const checkpoint = VALUES.checkpoint[row.checkpoint];
  const known: Known | null = attempt && { info, checkpoint, resynced: false, passed: attempt.passed };
  return {
    pause: VALUES.pause[row.pause],
    order: VALUES.order[row.order],
    filter: 'routes',
    memory: { writesLost: VALUES.writesLost[row.writesLost], cutOff: VALUES.cutOff[row.cutOff], carriedOut: 'done' },
    known,
  };
}

function fits(row: Row, pattern: Row): boolean {
  return (Object.keys(pattern) as (keyof Row)[]).every((name) => row[name] === pattern[name]);
}

it('every situation has the step that the table says, and every row of the table decides one', () => {
  const decided = new Set<string>();
  for (const row of everyRow()) {
    const step = decide(situationOf(row));
    const found = step.kind === 'resync' ? `resync: ${step.reason}` : step.kind;
    const expected = TABLE.find(([pattern]) => fits(row, pattern))?.[1];
    expect({ row, step: found }).toEqual({ row, step: expected });
    decided.add(found);
  }
  expect([...decided].sort()).toEqual(TABLE.map(([, step]) => step).sort());
});

it('an order goes along with the resync that carries it out, and with no other one', () => {
  const row: Required<Row> = {
    ...{ pause: 'no', order: 'new', writesLost: 'yes', cutOff: 'no', checkpoint: 'good', attempt: 'looked' },
  };
  expect(decide(situationOf(row))).toMatchObject({ kind: 'resync', order });
  expect(decide(situationOf({ ...row, order: 'done' }))).toMatchObject({ kind: 'resync', order: null });
});
