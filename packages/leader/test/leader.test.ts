import { Backoff, entryDigest, FULL_KEYSPACE, type KeyValue, prefixRange } from '@tidemark/core';
import { MemorySource, never, shortWaits, until } from '@tidemark/testing';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { LeaderNode, type NodeOptions, Shared } from './support/leader-node.js';

beforeAll(shortWaits);

let source: MemorySource;
let shared: Shared;
let nodes: LeaderNode[];

beforeEach(() => {
  source = new MemorySource({ pageKeys: 2 });
  shared = new Shared(source);
  nodes = [];
});

afterEach(async () => {
  for (const node of nodes) await node.stop();
});

function start(options?: NodeOptions): LeaderNode {
  const node = new LeaderNode(shared, options);
  nodes.push(node);
  return node;
}

async function keysOf(snapshot: string): Promise<string[]> {
  const found: KeyValue[] = [];
  for await (const page of new LeaderNode(shared).journal.snapshots.open(snapshot, FULL_KEYSPACE, never)) {
    found.push(...page);
  }
  return found.map(({ key, value }) => `${key.toString()}=${value.toString()}`);
}

describe('a first start', () => {
  it('begins with a reset that names a complete snapshot', async () => {
    for (const key of ['/c', '/a', '/b']) source.put(key, `value of ${key}`);
    const node = start();
    node.elector.elect(7);
    await node.reaches(4);
    const [first] = await shared.records();
    expect(first).toMatchObject({ kind: 'reset', reason: 'first_start', generation: 1, revision: 4, term: 7 });
    const snapshot = first?.kind === 'reset' ? first.snapshot : null;
    expect(snapshot).toMatchObject({ keys: 3, position: { generation: 1, revision: 4 }, rewind: null });
    expect(await keysOf(snapshot?.id ?? '')).toEqual(['/a=value of /a', '/b=value of /b', '/c=value of /c']);
    expect(node.resets).toEqual(['first_start']);
  });

  it('of an empty source works too', async () => {
    const node = start();
    node.elector.elect(1);
    await node.reaches(1);
    source.put('/a', '1');
    await node.reaches(2);
    expect(await shared.outline()).toEqual(['reset 1', 'batch 2']);
  });

  it('waits for the source, and writes nothing before', async () => {
    source.available = false;
    const node = start();
    const leadership = node.elector.elect(1);
    await until(() => leadership.proofs > 2, { everyMs: 1, describe: 'three attempts' });
    expect(await shared.records()).toEqual([]);
    source.available = true;
    await node.reaches(1);
    expect(await shared.outline()).toEqual(['reset 1']);
  });
});

describe('journaling', () => {
  it('brings every revision once, whole, and as it was', async () => {
    const node = start();
    node.elector.elect(1);
    await node.reaches(1);
    source.txn([
      { key: '/a', value: '1' },
      { key: '/b', value: '', lease: 77n },
    ]);
    source.txn([
      { key: '/a', value: '2' },
      { key: '/b', value: null },
      { key: '\xff\x00', value: '\x80' },
    ]);
    source.delete('/a');
    await node.reaches(4);
    expect(await shared.entries()).toEqual(source.history());
  });

  it('joins what waits into one record, within the size the journal asks for', async () => {
    const node = start();
    const tails = source.stallTails();
    node.elector.elect(1);
    await node.reaches(1);
    for (let index = 0; index < 500; index++) source.put(`/${index}`, 'v'.repeat(8 * 1024));
    tails.release();
    await node.reaches(501);
    const batches = (await shared.records()).filter(({ kind }) => kind === 'batch');
    expect(batches.length).toBeGreaterThanOrEqual(4);
    expect(batches.length).toBeLessThan(20);
    // `toEqual` on megabytes of buffer takes half a minute.
    expect((await shared.entries()).map(entryDigest)).toEqual(source.history().map(entryDigest));
  });

  it('keeps reserved keys out of entries and snapshots, and their revisions in the chain', async () => {
    source.put('/__tidemark/leader', 'a');
    source.put('/a', '1');
    const node = start({ reserved: [prefixRange(Buffer.from('/__tidemark/'))] });
    node.elector.elect(1);
    await node.reaches(3);
    const [first] = await shared.records();
    expect(await keysOf(first?.kind === 'reset' ? first.snapshot.id : '')).toEqual(['/a=1']);
    source.put('/__tidemark/leader', 'b');
    source.txn([
      { key: '/__tidemark/x', value: 'secret' },
      { key: '/b', value: '2' },
    ]);
    await node.reaches(5);
    const entries = await shared.entries();
    expect(entries.map(({ revision, changes }) => [revision, changes.map(({ key }) => key.toString())])).toEqual([
      [4, []],
      [5, ['/b']],
    ]);
  });
});

describe('taking over', () => {
  it('writes a term record, with a higher term, before anything else', async () => {
    const [one, two] = [start({ node: 'one' }), start({ node: 'two' })];
    const first = one.elector.elect(10);
    await one.reaches(1);
    source.put('/a', '1');
    await one.reaches(2);
    first.end();
    await first.drained;
    source.put('/a', '2');
    two.elector.elect(20);
    await two.reaches(3);
    expect(await shared.outline()).toEqual(['reset 1', 'batch 2', 'term 2', 'batch 3']);
    expect((await shared.records()).map(({ term }) => term)).toEqual([10, 10, 20, 20]);
    expect((await shared.records())[2]).toMatchObject({ kind: 'term', node: 'two' });
  });

  it('raises a token that is lower than the last term of the journal: the coordination etcd may have been restored', async () => {
    const one = start();
    const first = one.elector.elect(1000);
    await one.reaches(1);
    first.end();
    await first.drained;
    one.elector.elect(5);
    source.put('/a', '1');
    await one.reaches(2);
    expect((await shared.records()).map(({ term }) => term)).toEqual([1000, 1001, 1001]);
  });

  it('does not happen when leadership cannot be proved', async () => {
    const [one, two] = [start(), start()];
    one.elector.elect(1);
    await one.reaches(1);
    const usurped = two.elector.elect(2);
    usurped.replaceUnnoticed();
    await usurped.drained;
    expect(two.terms).toEqual([]);
    expect(await shared.outline()).toEqual(['reset 1']);
  });
});

describe('a leadership that ends', () => {
  it('appends nothing more, and drains', async () => {
    const node = start();
    const leadership = node.elector.elect(1);
    await node.reaches(1);
    leadership.end();
    await leadership.drained;
    source.put('/a', '1');
    const before = await shared.outline();
    const [second, next] = [start(), 2];
    second.elector.elect(next);
    await second.reaches(2);
    expect(before).toEqual(['reset 1']);
    expect((await shared.records()).filter(({ kind }) => kind === 'batch').map(({ term }) => term)).toEqual([next]);
  });

  it('drains only when what is on the way has arrived or failed', async () => {
    const node = start();
    const leadership = node.elector.elect(1);
    await node.reaches(1);
    const appends = node.journal.stallAppends();
    source.put('/a', '1');
    await until(() => appends.calls === 1, { everyMs: 1, describe: 'an append under way' });
    let drained = false;
    const draining = leadership.drained.then(() => {
      drained = true;
    });
    leadership.end();
    for (let turn = 0; turn < 100; turn++) await new Promise(setImmediate);
    expect(drained).toBe(false);
    appends.release();
    await draining;
    expect(await shared.outline()).toEqual(['reset 1', 'batch 2']);
  });

  it('by its own clock appends nothing more, even before it is notified', async () => {
    const node = start();
    const leadership = node.elector.elect(1);
    await node.reaches(1);
    leadership.expire();
    source.put('/a', '1');
    await leadership.drained;
    expect(await shared.outline()).toEqual(['reset 1']);
  });

  it('by its own clock begins no generation, either', async () => {
    const node = start();
    const leadership = node.elector.elect(1);
    await node.reaches(1);
    leadership.expire();
    source.lost = 2;
    source.put('/a', '1');
    await leadership.drained;
    expect(await shared.outline()).toEqual(['reset 1']);
  });

  it('before the tail is followed drains all the same', async () => {
    const node = start();
    const first = node.elector.elect(1);
    await node.reaches(1);
    first.end();
    await first.drained;
    const second = node.elector.elect(2);
    source.afterEachIdentity(() => second.end());
    await second.drained;
    expect(await shared.outline()).toEqual(['reset 1', 'term 1']);
  });

  it('drains only when a snapshot that is on the way has ended', async () => {
    const node = start();
    const leadership = node.elector.elect(1);
    await node.reaches(1);
    const lists = node.journal.snapshots.stallList();
    const ordered = node.snapshotQueue.order();
    ordered.catch(() => undefined);
    await until(() => lists.calls > 0, { everyMs: 1, describe: 'a snapshot on the way' });
    let drained = false;
    const draining = leadership.drained.then(() => {
      drained = true;
    });
    leadership.end();
    for (let turn = 0; turn < 100; turn++) await new Promise(setImmediate);
    expect(drained).toBe(false);
    lists.release();
    await draining;
    await expect(ordered).rejects.toThrow();
    expect(await shared.outline()).toEqual(['reset 1']);
  });

  it('unnoticed is fenced at the first append, and gives up because it cannot prove itself', async () => {
    const [paused, next] = [start({ node: 'paused' }), start({ node: 'next' })];
    const old = paused.elector.elect(1);
    await paused.reaches(1);
    old.replaceUnnoticed();
    next.elector.elect(2);
    await until(() => next.terms.length === 1, { everyMs: 1, describe: 'a new leader' });
    source.put('/a', '1');
    await next.reaches(2);
    await old.drained;
    expect(paused.fencings).toBe(1);
    expect((await shared.records()).map(({ kind, term }) => `${kind} ${term}`)).toEqual([
      'reset 1',
      'term 2',
      'batch 2',
    ]);
  });
});

describe('a journal that is down for a while', () => {
  it('loses nothing and doubles nothing', async () => {
    const node = start();
    node.elector.elect(1);
    await node.reaches(1);
    source.put('/a', '1');
    await node.reaches(2);
    node.journal.down = true;
    for (let index = 0; index < 50; index++) source.put('/a', `down ${index}`);
    await until(() => node.journal.refusals > 3, { everyMs: 1, describe: 'attempts' });
    expect(await shared.outline()).toEqual(['reset 1', 'batch 2']);
    node.journal.down = false;
    await node.reaches(52);
    expect(await shared.entries()).toEqual(source.history());
    expect(node.resets).toEqual(['first_start']);
  });
});

it('rests between two resets when history is lost again after each, and goes on when it no longer is', async () => {
  const rests = vi.spyOn(Backoff.prototype, 'wait');
  source.put('/a', '1');
  // The revision at which each new generation begins to follow.
  source.lost = source.revision;
  const node = start();
  node.elector.elect(1);
  await until(() => node.resets.length > 5, { describe: 'several resets' });
  // All but the first, which begins the journal.
  expect(rests.mock.calls.length).toBeGreaterThanOrEqual(node.resets.length - 1);
  source.lost = null;
  source.put('/a', '2');
  await until(() => node.position?.revision === source.revision, { describe: 'the change' });
  rests.mockRestore();
});
