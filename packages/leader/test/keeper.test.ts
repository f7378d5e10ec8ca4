import { SnapshotRequests } from '@tidemark/core';
import { MemorySource, never, shortWaits, until } from '@tidemark/testing';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { LeaderNode, type NodeOptions, Shared } from './support/leader-node.js';

beforeAll(shortWaits);

/** A hundredth passes, see shortWaits in @tidemark/testing. */
const SOON_MS = 500;

let source: MemorySource;
let shared: Shared;
let node: LeaderNode;

beforeEach(() => {
  source = new MemorySource();
  shared = new Shared(source);
});

afterEach(() => node.stop());

async function lead(options: NodeOptions): Promise<void> {
  node = new LeaderNode(shared, options);
  node.elector.elect(1);
  await node.reaches(1);
}

async function recordsOf(kind: string, count: number) {
  const found = async () => {
    const records = (await shared.records()).filter((record) => record.kind === kind);
    return records.length >= count ? records : null;
  };
  return await until(found, { everyMs: 1, describe: `${count} records of kind ${kind}` });
}

describe('scheduled snapshots', () => {
  it('are complete, announced, and the journal goes on after them', async () => {
    await lead({ snapshotEveryMs: SOON_MS });
    source.put('/a', '1');
    await node.reaches(2);
    const [first] = await recordsOf('snapshot', 1);
    source.put('/b', '2');
    await node.reaches(3);
    const later = await until(async () => (await recordsOf('snapshot', 1)).find(({ revision }) => revision === 3), {
      everyMs: 1,
      describe: 'a snapshot of revision 3',
    });
    expect(first?.generation).toBe(1);
    expect(later).toMatchObject({ snapshot: { position: { generation: 1, revision: 3 }, keys: 2 } });
    expect(await shared.entries()).toEqual(source.history());
  });

  it('that fail are tried again, and the journal goes on without', async () => {
    await lead({ snapshotEveryMs: SOON_MS });
    source.failReads(3);
    source.put('/a', '1');
    await node.reaches(2);
    const found = await until(async () => (await recordsOf('snapshot', 1)).find(({ revision }) => revision === 2), {
      everyMs: 1,
      describe: 'a snapshot of revision 2',
    });
    expect(found).toMatchObject({ snapshot: { keys: 1 } });
    expect(source.failedReads).toBe(3);
  });

  it('are not taken while the newest one is young', async () => {
    await lead({ progressEveryMs: SOON_MS });
    await recordsOf('progress', 3);
    expect(await shared.journalSnapshots()).toHaveLength(1);
  });

  it('are taken at once when somebody orders one', async () => {
    await lead({});
    source.put('/a', '1');
    await node.reaches(2);
    const [one, two] = await Promise.all([node.snapshotQueue.order(), node.snapshotQueue.order()]);
    expect(one).toMatchObject({ position: { generation: 1, revision: 2 }, keys: 1 });
    expect(two).toEqual(one);
    expect(await shared.outline()).toEqual(['reset 1', 'batch 2', 'snapshot 2']);
  });

  it('are taken once for a destination that requests one, and not again and again for one that is ahead', async () => {
    await lead({});
    const requests = new SnapshotRequests(shared.facts);
    await requests.request('ahead', { generation: 1, revision: 1000 }, never);
    const { lists } = shared.facts;
    await until(() => shared.facts.lists > lists + 3, { describe: 'looks at the requests' });
    expect(await shared.journalSnapshots()).toHaveLength(1);
    source.put('/a', '1');
    await node.reaches(2);
    await requests.request('at the head', { generation: 1, revision: 2 }, never);
    await recordsOf('snapshot', 1);
    const before = shared.facts.lists;
    await until(() => shared.facts.lists > before + 3, { describe: 'more looks' });
    expect(await shared.journalSnapshots()).toHaveLength(2);
  });

  it('of a lost store are replaced', async () => {
    await lead({ snapshotEveryMs: SOON_MS * 1000 });
    for (const { id } of await shared.journalSnapshots()) await node.journal.snapshots.remove(id, never);
    await node.stop();
    node = new LeaderNode(shared);
    node.elector.elect(2);
    await recordsOf('snapshot', 1);
    expect(node.resets).toEqual(['snapshot_missing']);
  });
});

describe('progress records', () => {
  it('come while nothing else does, and move nothing', async () => {
    await lead({ progressEveryMs: SOON_MS });
    const [first] = await recordsOf('progress', 2);
    expect(first).toMatchObject({ previous: 1, revision: 1 });
    source.put('/a', '1');
    await node.reaches(2);
    expect(await shared.entries()).toEqual(source.history());
  });

  it('come again after one that failed, though the source stays quiet', async () => {
    await lead({ progressEveryMs: SOON_MS });
    node.journal.failNext('progress', 'not stored');
    await until(() => node.journal.faults.length === 1, { everyMs: 1, describe: 'the fault' });
    const before = (await shared.records()).length;
    await until(async () => (await shared.records()).length > before + 1, { everyMs: 1, describe: 'life' });
  });

  it('that are fenced are reported, though the source stays quiet', async () => {
    await lead({ progressEveryMs: SOON_MS });
    node.journal.failNext('progress', 'fenced');
    await until(() => node.terms.length === 2, { everyMs: 1, describe: 'another take-over' });
    expect(node.fencings).toBe(1);
  });
});

describe('the journal is asked whether it holds what was written', () => {
  /** Resolves when the journal has answered some more questions. */
  async function answers(): Promise<void> {
    const { infos } = node.journal;
    await until(() => node.journal.infos > infos + 3, { everyMs: 1, describe: 'answers' });
  }

  it('and when it does not, it is taken over again and filled, though the source is quiet', async () => {
    await lead({});
    for (const value of ['1', '2']) source.put('/a', value);
    await node.reaches(3);
    shared.stream.loseLast(1);
    await until(() => node.terms.length === 2, { everyMs: 1, describe: 'another take-over' });
    await until(async () => (await shared.entries()).length === 2, { everyMs: 1, describe: 'the lost revision' });
    expect(await shared.entries()).toEqual(source.history());
    expect(node.resets).toEqual(['first_start']);
  });

  it('and what is acknowledged between question and answer is not missed in it', async () => {
    await lead({});
    node.journal.beforeEachInfo(() => node.reaches(source.put('/a', 'meanwhile')));
    await answers();
    expect(node.terms).toEqual([1]);
  });

  it('and what is not acknowledged yet is not missed, either', async () => {
    await lead({});
    const appends = node.journal.stallAppends();
    source.put('/a', '1');
    await until(() => appends.calls > 0, { everyMs: 1, describe: 'an append under way' });
    await answers().finally(() => appends.release());
    await node.reaches(2);
    expect(node.terms).toEqual([1]);
  });
});
