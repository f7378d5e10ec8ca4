import { FULL_KEYSPACE, type SnapshotRef } from '@tidemark/core';
import { MemoryJournal, MemoryStream } from '@tidemark/journal';
import { MemorySource, never, shortWaits, until } from '@tidemark/testing';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { isExtended } from '../src/generation.js';
import { LeaderNode, type NodeOptions, Shared } from './support/leader-node.js';

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
function lead(options?: NodeOptions): LeaderNode {
  const node = new LeaderNode(shared, options);
  nodes.push(node);
  node.elector.elect(token++);
  return node;
}

async function contentOf({ id }: SnapshotRef): Promise<Map<string, string>> {
  const content = new Map<string, string>();
  for await (const page of new MemoryJournal(shared.stream).snapshots.open(id, FULL_KEYSPACE, never)) {
    for (const { key, value } of page) content.set(key.toString('latin1'), value.toString('latin1'));
  }
  return content;
}

/** Every record is gone; snapshots are not. */
function loseRecords(): void {
  shared.stream.loseLast(shared.stream.bounds().messages);
}

describe('the number of a new generation', () => {
  it('is above that of every snapshot, where neither a record nor a note remembers', async () => {
    const first = lead();
    await first.reaches(1);
    source.rewind(1);
    source.clusterId = 'another';
    await first.reaches(1, 2);
    await first.stop();
    loseRecords();
    await shared.facts.remove('journal-hint');
    const next = lead();
    await next.reaches(1, 3);
    expect(next.resets).toEqual(['first_start']);
  });

  it('is above the one that was noted, where neither a record nor a snapshot remembers', async () => {
    const first = lead();
    await first.reaches(1);
    await first.stop();
    const { facts } = shared;
    shared = new Shared(source, new MemoryStream());
    for (const [name, fact] of await facts.list('')) await shared.facts.write(name, fact);
    const next = lead();
    await next.reaches(1, 2);
    expect(next.resets).toEqual(['journal_lost']);
  });
});

describe('a rewind', () => {
  it('is named by every later snapshot: a destination that was away may meet any of them first', async () => {
    const node = lead();
    await node.reaches(1);
    for (const value of ['1', '2']) source.put('/a', value);
    await node.reaches(3);
    source.rewind(2);
    await node.reaches(2, 2);
    const ordered = await node.snapshotQueue.order();
    source.lost = 3;
    for (const value of ['not seen by the watch', 'seen']) source.put('/a', value);
    await node.reaches(4, 3);
    const rewind = { generation: 2, reason: 'rewound' };
    expect(ordered).toMatchObject({ position: { generation: 2, revision: 2 }, rewind });
    const reset = (await shared.records()).find((record) => record.kind === 'reset' && record.generation === 3);
    expect(reset).toMatchObject({ reason: 'gap', snapshot: { rewind } });
  });
});

describe('a snapshot', () => {
  it('holds what was there at its position, though the source has gone on before it is read', async () => {
    const node = lead();
    await node.reaches(source.put('/a', '1'));
    source.beforeEachRead(async () => {
      source.put('/a', '2');
      await node.reaches(source.put('/b', 'later'));
    });
    const snapshot = await node.snapshotQueue.order();
    expect(snapshot).toMatchObject({ position: { generation: 1, revision: 2 }, keys: 1 });
    expect(await contentOf(snapshot)).toEqual(source.content(2));
    expect(await shared.outline()).toContain('snapshot 4');
  });

  it('is extended by a journal that begins directly after it, or before', () => {
    const first = { position: { generation: 2, revision: 9 }, previous: 7, time: 0 };
    const at = (generation: number, revision: number) => {
      const sizes = { keys: 0, bytes: 0, createdAt: 0 };
      return isExtended({ id: 's', position: { generation, revision }, ...sizes, rewind: null }, first);
    };
    expect([at(1, 100), at(2, 6), at(2, 7), at(2, 8), at(3, 1)]).toEqual([false, false, true, true, true]);
  });
});

describe('after what retention has removed', () => {
  const FILLING = Array.from({ length: 10 }, () => 'x'.repeat(4096));

  beforeEach(() => {
    shared = new Shared(source, new MemoryStream({ maxBytes: 20_000 }));
  });

  /** Until the oldest record comes after everything that was there before. */
  async function fill(node: LeaderNode): Promise<void> {
    for (const value of FILLING) await node.reaches(source.put('/filling', value));
    expect((await node.journal.info(never)).first?.previous).toBeGreaterThan(source.revision - FILLING.length);
  }

  it('snapshots go when there is a newer one', async () => {
    const node = lead();
    await node.reaches(1);
    await node.snapshotQueue.order();
    await fill(node);
    const newest = await node.snapshotQueue.order();
    await until(async () => (await shared.journalSnapshots()).length === 1, { everyMs: 1, describe: 'one snapshot' });
    expect(await shared.journalSnapshots()).toEqual([newest]);
  });

  it('the newest snapshot stays, though it was overtaken while it was taken', async () => {
    const node = lead();
    await node.reaches(1);
    source.afterNextRead(() => fill(node));
    const newest = await node.snapshotQueue.order();
    expect(await shared.journalSnapshots()).toContainEqual(newest);
  });

  it('a snapshot is replaced before its time', async () => {
    const node = lead();
    await node.reaches(1);
    await fill(node);
    await node.stop();
    lead();
    const replaced = async () => (await shared.journalSnapshots()).every(({ position }) => position.revision > 1);
    await until(replaced, { everyMs: 1, describe: 'a snapshot that the journal extends' });
  });
});
