import { type Checkpoint, prefixRange, type Write } from '@tidemark/core';
import { checkpointAt, MemoryDestination, MemorySource, never, until } from '@tidemark/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import { CannotCompareError, Filter, planAgainstSource, verify } from '../src/index.js';
import { filter, replica } from './support/worker-node.js';

let source: MemorySource;
let destination: MemoryDestination;

beforeEach(async () => {
  source = new MemorySource({ pageKeys: 3 });
  destination = new MemoryDestination({ pageKeys: 4 });
  for (let index = 0; index < 20; index++) source.put(`/a/${index}`, `value ${index}`);
  source.put('/elsewhere', 'not ours');
  for (const [key, value] of replica(source.content())) destination.write(key, value);
  destination.write('/c', 'not ours');
  await moveTo({});
});

/** Sets the destination's checkpoint, by default at the source's revision, and together with it some keys. */
async function moveTo(checkpoint: Partial<Checkpoint>, writes: readonly Write[] = []): Promise<void> {
  const expected = await destination.checkpoint(never);
  const next = checkpointAt(source.revision, { filter: filter.fingerprint, ...checkpoint });
  await destination.apply({ writes, expected, next }, never);
}

function put([key, value]: readonly [string, string]): Write {
  return { kind: 'put', key: Buffer.from(key), value: Buffer.from(value) };
}

/** Pages that end quietly because they are aborted, before there is one. */
async function* endedBy(stop: AbortController): AsyncGenerator<never> {
  stop.abort();
  yield* [];
}

const report = () => verify(source, destination, filter, never);

describe('verify', () => {
  it('finds nothing where nothing differs', async () => {
    const equal = { compared: 20, missing: 0, different: 0, extra: 0, keys: [] };
    expect(await report()).toEqual({ position: { generation: 1, revision: 22 }, ...equal });
  });

  it('finds what is missing, different and extra, and nothing else', async () => {
    destination.write('/b/3', null);
    destination.write('/b/19', null);
    destination.write('/b/7', 'changed');
    destination.write('/b/7/more', 'extra');
    destination.write('/b/zzz', '');
    const { keys, ...counts } = await report();
    expect(counts).toMatchObject({ compared: 20, missing: 2, different: 1, extra: 2 });
    expect(keys.map(({ kind, key }) => `${kind} ${key.toString()}`)).toEqual([
      'missing /b/19',
      'missing /b/3',
      'different /b/7',
      'extra /b/7/more',
      'extra /b/zzz',
    ]);
  });

  it('compares at the checkpoint: what the source did since is no difference', async () => {
    source.delete('/a/1');
    source.put('/a/2', 'newer');
    source.put('/a/new', 'newer');
    expect(await report()).toMatchObject({ compared: 20, missing: 0, different: 0, extra: 0 });
  });

  it('does not take a destination that moves meanwhile for different', async () => {
    const comparing = report();
    await new Promise(setImmediate);
    for (let index = 0; index < 20; index++) {
      source.put(`/a/${index}`, 'newer');
      destination.write(`/b/${index}`, 'newer');
    }
    await moveTo({});
    expect(await comparing).toMatchObject({ missing: 0, different: 0, extra: 0 });
  });

  it('leaves out excluded keys and checkpoints, on both sides', async () => {
    const reserved = [prefixRange(Buffer.from('/b/__tidemark/'))];
    const exclude = ['/a/locks/'];
    const excluding = new Filter([{ prefix: '/a/', rewrite: '/b/', exclude, leased: 'keep' }], reserved);
    source.put('/a/locks/1', 'only at the source');
    source.put('/a/__tidemark/1', 'only at the source');
    await moveTo({ filter: excluding.fingerprint });
    destination.write('/b/locks/2', 'only at the destination');
    destination.write('/b/__tidemark/checkpoint', 'only at the destination');
    expect(await verify(source, destination, excluding, never)).toMatchObject({ compared: 20, keys: [] });
  });

  it('counts all differences and lists the first thousand', async () => {
    for (let index = 0; index < 1200; index++) destination.write(`/b/x${index}`, 'extra');
    const { extra, keys } = await report();
    expect([extra, keys.length]).toEqual([1200, 1000]);
  });

  it('does not take what other routes wrote for different', async () => {
    await moveTo({ filter: 'others' });
    await expect(report()).rejects.toThrow(CannotCompareError);
  });

  it('says nothing when it is aborted half-way', async () => {
    const stop = new AbortController();
    const ended = { read: async () => ({ revision: 22, pages: endedBy(stop) }) };
    await expect(verify(ended, destination, filter, stop.signal)).rejects.toThrow();
  });

  it('cannot compare with a revision the source has compacted, and says so', async () => {
    source.put('/a/1', 'newer');
    source.compact(source.revision);
    await expect(report()).rejects.toThrow(CannotCompareError);
  });

  it.each<[string, Partial<Checkpoint>]>([
    [
      'is being brought to a snapshot',
      { resync: { snapshot: 's', target: { generation: 1, revision: 9 }, attempt: 1 } },
    ],
    ['has half of a revision', { partial: { revision: 23, writes: 5 } }],
  ])('cannot compare with a destination that %s', async (_, checkpoint) => {
    await moveTo(checkpoint);
    await expect(report()).rejects.toThrow(CannotCompareError);
  });

  it('cannot compare with a destination without a checkpoint', async () => {
    destination = new MemoryDestination();
    await expect(report()).rejects.toThrow(CannotCompareError);
  });
});

describe('verify of a destination that shows no single state', () => {
  beforeEach(async () => {
    const backup = destination.backup();
    destination = new MemoryDestination({ pageKeys: 4, viewsAtOneState: false });
    destination.restore(backup);
  });

  it('does not take what was written meanwhile for different', async () => {
    const comparing = report();
    await new Promise(setImmediate);
    for (let index = 0; index < 20; index++) source.put(`/a/${index}`, 'newer');
    source.delete('/a/7');
    source.put('/a/77', 'new');
    await moveTo({}, [...replica(source.content())].map(put).concat({ kind: 'delete', key: Buffer.from('/b/7') }));
    expect(await comparing).toMatchObject({ compared: 20, missing: 0, different: 0, extra: 0 });
  });

  it('does not plan to change what was written meanwhile', async () => {
    const former = new Filter([{ prefix: '/old/', rewrite: '/old/', exclude: [], leased: 'keep' }], []);
    destination.write('/old/1', 'of a route that is no more');
    destination.write('/old/2', 'of a route that is no more');
    const planning = planAgainstSource(source, { destination, filter, former }, never);
    await new Promise(setImmediate);
    for (let index = 0; index < 20; index++) source.put(`/a/${index}`, 'newer');
    source.delete('/a/7');
    source.put('/a/77', 'new');
    destination.write('/old/2', null);
    await moveTo({}, [...replica(source.content())].map(put).concat({ kind: 'delete', key: Buffer.from('/b/7') }));
    const { keys, ...counts } = await planning;
    expect(counts).toEqual({ compared: 20, missing: 0, different: 0, extra: 1 });
    expect(keys.map(({ key }) => key.toString())).toEqual(['/old/1']);
  });

  it('finds what really differs, also while more is written', async () => {
    destination.write('/b/3', null);
    destination.write('/b/7', 'changed');
    destination.write('/b/zzz', 'extra');
    const comparing = report();
    await new Promise(setImmediate);
    source.put('/a/9', 'newer');
    await moveTo({}, [put(['/b/9', 'newer'])]);
    const { keys } = await comparing;
    expect(keys.map(({ kind, key }) => `${kind} ${key.toString()}`)).toEqual([
      'missing /b/3',
      'different /b/7',
      'extra /b/zzz',
    ]);
  });

  it('waits while a revision is written in parts', async () => {
    destination.write('/b/3', 'of the next revision');
    source.put('/a/3', 'of the next revision');
    const revision = source.revision;
    const comparing = report();
    await new Promise(setImmediate);
    await moveTo({ position: { generation: 1, revision: revision - 1 }, partial: { revision, writes: 1 } });
    await until(async () => destination.readings > 0, { describe: 'a look between the parts' });
    await moveTo({});
    expect(await comparing).toMatchObject({ different: 0 });
  });
});
