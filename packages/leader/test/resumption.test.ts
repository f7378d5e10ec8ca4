import { JournalHints } from '@tidemark/core';
import { MemorySource, never, shortWaits, until } from '@tidemark/testing';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { AppendFault } from './support/faulty-leader-journal.js';
import { LeaderNode, Shared } from './support/leader-node.js';

beforeAll(shortWaits);

let source: MemorySource;
let shared: Shared;
let nodes: LeaderNode[];
let token: number;

beforeEach(() => {
  source = new MemorySource();
  shared = new Shared(source);
  nodes = [];
  token = 1;
});

afterEach(async () => {
  for (const node of nodes) await node.stop();
});

/** A node that leads from now on. */
function lead(): LeaderNode {
  const node = new LeaderNode(shared);
  nodes.push(node);
  node.elector.elect(token++);
  return node;
}

/** Journals revisions 2 to `revision` and stops; every revision puts `/a`. */
async function journaledTo(revision: number): Promise<void> {
  const node = lead();
  await node.reaches(source.revision);
  while (source.revision < revision) await node.reaches(source.put('/a', `value ${source.revision + 1}`));
  await node.stop();
}

async function resetOf(generation: number) {
  return (await shared.records()).find((record) => record.kind === 'reset' && record.generation === generation);
}

describe('a leader resumes by overlap', () => {
  it('at the last journaled revision, and goes on when it has the same content', async () => {
    await journaledTo(5);
    source.opened.length = 0;
    source.put('/a', 'while nobody led');
    const node = lead();
    await node.reaches(6);
    expect(source.opened).toEqual([5]);
    expect(node.resets).toEqual([]);
    expect(await shared.entries()).toEqual(source.history());
  });

  it('and goes on when compaction took exactly that revision', async () => {
    const first = lead();
    await first.reaches(1);
    source.put('/a', '1');
    source.delete('/a');
    await first.reaches(3);
    await first.stop();
    source.put('/b', '2');
    source.compact(3);
    const node = lead();
    await node.reaches(4);
    expect(node.resets).toEqual([]);
    expect(await shared.entries()).toEqual(source.history());
  });

  it('and resets as rewound when the revision has other content', async () => {
    await journaledTo(5);
    source.rewind(4);
    source.put('/a', 'another history');
    source.put('/a', 'and longer');
    const node = lead();
    await node.reaches(6, 2);
    expect(node.resets).toEqual(['rewound']);
    expect(await resetOf(2)).toMatchObject({ reason: 'rewound', revision: 6, snapshot: { rewind: { generation: 2 } } });
    source.put('/a', 'goes on');
    await node.reaches(7, 2);
    expect(await shared.entries(2)).toEqual(source.history(7));
  });

  it('and resets as rewound when progress, snapshots and terms came after the last entry', async () => {
    await journaledTo(5);
    const between = lead();
    await between.reaches(5);
    await between.snapshotQueue.order();
    await between.stop();
    expect((await shared.outline()).slice(-2)).toEqual(['term 5', 'snapshot 5']);
    source.rewind(4);
    source.put('/a', 'another history');
    const node = lead();
    await node.reaches(5, 2);
    expect(node.resets).toEqual(['rewound']);
  });

  it('and resets as rewound when the source has a lower revision than the journal', async () => {
    await journaledTo(5);
    source.rewind(3);
    const node = lead();
    await node.reaches(3, 2);
    expect(node.resets).toEqual(['rewound']);
  });

  it('and resets as rewound when the raft term went back', async () => {
    source.raftTerm = 9;
    await journaledTo(5);
    source.raftTerm = 8;
    const node = lead();
    await node.reaches(5, 2);
    expect(node.resets).toEqual(['rewound']);
  });

  it('and resets as rewound when the raft term went back, though a member in between did not know its term', async () => {
    source.raftTerm = 9;
    await journaledTo(5);
    source.raftTerm = 0;
    await journaledTo(6);
    source.raftTerm = 8;
    const node = lead();
    await node.reaches(6, 2);
    expect(node.resets).toEqual(['rewound']);
  });

  it('and resets as foreign when it is another cluster', async () => {
    await journaledTo(5);
    source.clusterId = '2';
    const node = lead();
    await node.reaches(5, 2);
    expect(node.resets).toEqual(['foreign_source']);
  });

  it('and resets as compacted when the source forgot what is not journaled', async () => {
    await journaledTo(5);
    for (let index = 0; index < 10; index++) source.put('/b', String(index));
    source.compact(12);
    const node = lead();
    await node.reaches(15, 2);
    expect(node.resets).toEqual(['compacted']);
    expect(await resetOf(2)).toMatchObject({ reason: 'compacted', revision: 15, snapshot: { keys: 2, rewind: null } });
  });

  it('and resets as compacted, not as rewound, when compaction took the deletes of exactly that revision', async () => {
    const first = lead();
    await first.reaches(1);
    source.put('/a', '1');
    source.txn([
      { key: '/a', value: null },
      { key: '/b', value: '2' },
    ]);
    await first.reaches(3);
    await first.stop();
    source.put('/c', '3');
    source.compact(3);
    const node = lead();
    await node.reaches(4, 2);
    expect(node.resets).toEqual(['compacted']);
  });

  it('and resets as gap when the source begins after the next revision', async () => {
    const first = lead();
    await first.reaches(1);
    source.put('/a', '1');
    source.delete('/a');
    await first.reaches(3);
    await first.stop();
    source.put('/b', '1');
    source.delete('/b');
    source.put('/c', '2');
    // A watch at 3 that begins at 6, and says nothing of compaction: the numbers were raised by a restore.
    source.skip(3, 6);
    const node = lead();
    await node.reaches(6, 2);
    expect(node.resets).toEqual(['gap']);
  });
});

describe('the note of which journal is written', () => {
  it.each(['names another one', 'is gone'])('is made at the take-over, when it %s', async (before) => {
    await journaledTo(5);
    const hints = new JournalHints(shared.facts);
    const position = { generation: 1, revision: 5 };
    if (before === 'is gone') await shared.facts.remove('journal-hint');
    else await hints.write({ journal: 'another', position }, never);
    const node = lead();
    await node.reaches(5);
    expect(node.resets).toEqual([]);
    // Workers resync from no snapshot of a journal that is not noted.
    expect(await hints.read(never)).toEqual({ journal: shared.stream.id, position });
  });
});

describe('while it leads', () => {
  it('a revision that the watch loses is a reset, never skipped', async () => {
    const node = lead();
    await node.reaches(1);
    source.put('/a', '1');
    await node.reaches(2);
    source.lost = 4;
    for (let index = 3; index <= 5; index++) source.put('/a', String(index));
    await node.reaches(5, 2);
    expect(node.resets).toEqual(['first_start', 'gap']);
    expect(await shared.entries(1)).toEqual(source.history(2, 3));
  });

  it('a stream that breaks is opened again at the last journaled revision', async () => {
    const node = lead();
    await node.reaches(1);
    source.put('/a', '1');
    await node.reaches(2);
    source.cut();
    source.put('/a', '2');
    await node.reaches(3);
    expect(source.opened).toEqual([1, 2]);
    expect(node.resets).toEqual(['first_start']);
    expect(await shared.outline()).toEqual(['reset 1', 'batch 2', 'term 2', 'batch 3']);
  });

  it.each<AppendFault>(['fenced', 'stored', 'not stored'])(
    'an append that is %s makes it prove itself and take over from the tail; nothing is lost or doubled',
    async (fault) => {
      const node = new LeaderNode(shared);
      nodes.push(node);
      const leadership = node.elector.elect(1);
      await node.reaches(1);
      for (const revision of [5, 9]) node.journal.failAt('batch', revision, fault);
      const proofs: number[] = [leadership.proofs];
      for (let revision = 2; revision <= 12; revision++) {
        source.put('/a', String(revision));
        await node.reaches(revision);
        if (revision === 5 || revision === 9) proofs.push(leadership.proofs);
      }
      expect(node.journal.faults).toEqual([fault, fault]);
      expect(proofs).toEqual([1, 2, 3]);
      expect(await shared.entries()).toEqual(source.history());
      expect(node.resets).toEqual(['first_start']);
      expect(node.terms.length).toBe(3);
      expect(node.fencings).toBe(fault === 'fenced' ? 2 : 0);
    },
  );

  it('a reset whose answer is lost is not written twice when it was stored', async () => {
    const node = new LeaderNode(shared);
    nodes.push(node);
    node.journal.failNext('reset', 'stored');
    node.elector.elect(1);
    await node.reaches(1);
    await until(() => node.terms.length === 2, { everyMs: 1, describe: 'the second attempt' });
    expect(await shared.outline()).toEqual(['reset 1', 'term 1']);
  });
});

describe('a journal that lost its end', () => {
  it('is filled again from the source', async () => {
    await journaledTo(6);
    shared.stream.loseLast(3);
    const node = lead();
    await node.reaches(6);
    expect(node.resets).toEqual([]);
    expect(await shared.entries()).toEqual(source.history());
  });

  it('and a reset with it begins a generation that was never used', async () => {
    await journaledTo(5);
    source.rewind(3);
    const second = lead();
    await second.reaches(3, 2);
    await second.stop();
    shared.stream.loseLast(1);
    const node = lead();
    await node.reaches(3, 3);
    expect(node.resets).toEqual(['journal_lost']);
  });
});
