import type { Checkpoint, SnapshotRef } from '@tidemark/core';
import { checkpointAt, never } from '@tidemark/testing';
import { describe, expect, it } from 'vitest';
import { survey } from '../src/brakes/survey.js';
import { resyncHold } from '../src/resync/resync-hold.js';
import { Chronicle } from './support/chronicle.js';
import { filter, unbraked } from './support/worker-node.js';

const many = { compared: 1_000, missing: 500, different: 0, extra: 500, keys: [] };
const rewind = { generation: 3, reason: 'rewound', evidence: 'The source went back.' } as const;

function checkpointIn(generation: number, more: Partial<Checkpoint> = {}): Checkpoint {
  const position = { generation, revision: generation === 0 ? 0 : 7 };
  return checkpointAt(position.revision, { position, filter: filter.fingerprint, ...more });
}

/** The brake that holds a resync from a snapshot of generation 4; null for none. */
function held(
  from: Checkpoint | null,
  { ordered = false, brakes = unbraked, snapshot: about = {} }: Partial<Held> = {},
): string | null {
  const position = { generation: 4, revision: 9 };
  const snapshot = { id: 's', position, keys: 1_000, bytes: 1, createdAt: 0, rewind: null, ...about };
  const task = { from, former: null, journal: 'j', snapshot };
  return resyncHold(task, many, { filter, brakes, ordered, ageMs: 0 })?.brake ?? null;
}

interface Held {
  readonly ordered: boolean;
  readonly brakes: typeof unbraked;
  readonly snapshot: Partial<SnapshotRef>;
}

describe('a resync from a snapshot after a rewind', () => {
  it('holds a destination from before it, also when a person ordered the resync', () => {
    expect(held(checkpointIn(2), { snapshot: { rewind } })).toBe('rewound');
    expect(held(checkpointIn(2), { snapshot: { rewind }, ordered: true })).toBe('rewound');
  });

  it('holds none that has followed since, and none that has nothing yet', () => {
    expect(held(checkpointIn(3), { snapshot: { rewind } })).toBeNull();
    expect(held(checkpointIn(0), { snapshot: { rewind } })).toBeNull();
    expect(held(null, { snapshot: { rewind } })).toBeNull();
  });
});

describe('a resync under other routes', () => {
  it('is held, unless a person ordered it, who saw the plan', () => {
    expect(held(checkpointIn(4, { filter: 'others' }))).toBe('filter');
    expect(held(checkpointIn(4, { filter: 'others' }), { ordered: true })).toBeNull();
  });
});

describe('a resync that changes a lot', () => {
  const brakes = { ...unbraked, maxBacklogChanges: 100 };

  it('is a backlog of a destination that was at a position before, and of no other', () => {
    expect(held(checkpointIn(4), { brakes })).toBe('backlog_changes');
    expect(held(checkpointIn(0), { brakes })).toBeNull();
    expect(held(null, { brakes })).toBeNull();
  });

  it('is held by its deletes in any case', () => {
    const deletes = { ...unbraked, maxDeletes: 100 };
    expect(held(checkpointIn(0), { brakes: deletes })).toBe('deletes');
    expect(held(null, { brakes: deletes, ordered: true })).toBe('deletes');
  });
});

it('what waits begins after the position, also in the middle of a record', async () => {
  const chronicle = new Chronicle();
  await chronicle.reset();
  for (let index = 0; index < 10; index++) chronicle.source.put('/a/1', `${index}`);
  await chronicle.catchUp(10);
  const after = { generation: 1, revision: chronicle.source.revision - 4 };
  expect(await survey({ journal: chronicle.journal, after, filter }, never)).toMatchObject({
    changes: 4,
    upTo: { generation: 1, revision: chronicle.source.revision },
  });
});
