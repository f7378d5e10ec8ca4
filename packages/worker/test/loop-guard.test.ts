import {
  encodeOrigin,
  FencedError,
  type KeyRange,
  LoopError,
  type Origin,
  type OriginKeeper,
  rangeContains,
  silentLogger,
} from '@tidemark/core';
import { MemorySource, never } from '@tidemark/testing';
import { describe, expect, it } from 'vitest';
import { LoopGuard, OriginSource, OverElectionsError } from '../src/index.js';
import type { LoopGuardOptions } from '../src/loops/guard.js';

const RESERVED: KeyRange = { start: Buffer.from('/__tidemark/'), end: Buffer.from('/__tidemark0') };

/** A cluster that pipelines read and write. */
class Cluster {
  readonly source = new MemorySource();

  constructor(readonly id: string) {
    this.source.clusterId = id;
  }

  async keys(range: KeyRange): Promise<number> {
    const { pages } = await this.source.read(range, undefined, never);
    let count = 0;
    for await (const page of pages) count += page.filter(({ key }) => rangeContains(range, key)).length;
    return count;
  }

  keeper(key: string): OriginKeeper {
    let stored: Origin | null = null;
    let written = 0;
    return {
      clusterId: async () => this.id,
      read: async () => ({ origin: stored, checkpoint: null, written: { origin: written, checkpoint: 0 } }),
      write: async (origin, after) => {
        if (after.written.origin !== written) throw new FencedError({ message: 'Written since.', remedy: 'None.' });
        stored = origin;
        written++;
        if (origin === null) this.source.delete(key);
        else this.source.put(key, encodeOrigin(origin).toString());
      },
    };
  }
}

/** A destination of a pipeline of that name. */
function guard(pipeline: string, from: Cluster, to: Cluster, route: [reads: string, writes: string]): LoopGuard {
  return new LoopGuard(optionsOf(pipeline, from, to, route));
}

function optionsOf(
  pipeline: string,
  from: Cluster,
  to: Cluster,
  route: [reads: string, writes: string],
): LoopGuardOptions {
  const [reads, writes] = route.map((prefix) => ({ prefix, except: [] }));
  if (reads === undefined || writes === undefined) throw new Error('a route has two ends');
  const campaign = `/__tidemark/${pipeline}/leader/`;
  from.source.put(`${campaign}1`, 'a node');
  return {
    about: { pipeline, destination: 'd', routes: [{ reads, writes }], campaign },
    keeper: to.keeper(`/__tidemark/${pipeline}/d/origin`),
    beside: (_checkpoint, write) => write(),
    elections: null,
    destination: { count: (range) => to.keys(range) },
    source: new OriginSource(from.source, [RESERVED]),
    logger: silentLogger,
  };
}

/** Clusters with an id each, and clusters that were started with a package's defaults. */
describe.each([
  ['ids of their own', ['1', '2', '3']],
  ['one id', ['7', '7', '7']],
])('with clusters that have %s', (_, [idA = '', idB = '', idC = '']) => {
  const clusters = () => [new Cluster(idA), new Cluster(idB), new Cluster(idC)] as const;

  it('a copy passes, again and again', async () => {
    const [a, b] = clusters();
    const x = guard('x', a, b, ['/a/', '/a/']);
    await x.check(never);
    await x.check(never);
    await guard('x', a, b, ['/a/', '/a/']).check(never);
  });

  it('a chain passes, from either end', async () => {
    const [a, b, c] = clusters();
    const [x, y] = [guard('x', a, b, ['/a/', '/a/']), guard('y', b, c, ['/a/', '/a/'])];
    for (const each of [x, y, x, y]) await each.check(never);
  });

  it('who comes second is refused, by name, and does not stop the first', async () => {
    const [a, b] = clusters();
    const [x, y] = [guard('x', a, b, ['/a/', '/b/']), guard('y', b, a, ['/b/', '/a/'])];
    await x.check(never);
    await expect(y.check(never)).rejects.toThrow(LoopError);
    await expect(y.check(never)).rejects.toMatchObject({
      code: 'LOOP',
      permanent: true,
      message: expect.stringMatching(/"\/a\/" comes back to "\/b\/".*d of pipeline x \("\/a\/" to "\/b\/"\)/),
      remedy: expect.stringContaining('etcdctl del /__tidemark/x/d/origin'),
    });
    await x.check(never);
  });

  it('both directions of different keys pass', async () => {
    const [a, b] = clusters();
    await guard('x', a, b, ['/a/', '/a/']).check(never);
    await guard('y', b, a, ['/b/', '/b/']).check(never);
  });

  it('of two that start at the same time at least one is refused', async () => {
    for (let round = 0; round < 20; round++) {
      const [a, b] = clusters();
      const [x, y] = [guard('x', a, b, ['/a/', '/a/']), guard('y', b, a, ['/a/', '/a/'])];
      const results = await Promise.allSettled([x.check(never), y.check(never)]);
      expect(results.map(({ status }) => status)).toContain('rejected');
    }
  });

  it('a destination that is the source is refused when it would feed itself, and only then', async () => {
    const [a] = clusters();
    await expect(guard('x', a, a, ['/a/', '/a/b/']).check(never)).rejects.toThrow('are one cluster');
    await guard('y', a, a, ['/a/', '/b/']).check(never);
    await expect(guard('z', a, a, ['/b/', '/a/']).check(never)).rejects.toThrow('d of pipeline y');
  });

  it('our own word that came to the source with a backup of the destination is no loop', async () => {
    const [a, b] = clusters();
    const x = guard('x', a, b, ['/a/', '/a/']);
    await x.check(never);
    const { pages } = await b.source.read(RESERVED, undefined, never);
    for await (const page of pages) {
      for (const { key, value } of page) a.source.put(key.toString(), value.toString());
    }
    await x.check(never);
  });
});

it('a source that is away is asked later', async () => {
  const [a, b] = [new Cluster('1'), new Cluster('2')];
  const x = guard('x', a, b, ['/a/', '/a/']);
  await guard('y', b, a, ['/a/', '/a/']).check(never);
  a.source.available = false;
  await x.check(never);
  const stopping = new AbortController();
  const watching = x.watch(() => stopping.abort(), stopping.signal);
  a.source.available = true;
  await watching;
  expect(stopping.signal.aborted).toBe(true);
  await expect(x.check(never)).rejects.toThrow(LoopError);
});

describe('a destination whose routes write over coordination.prefix', () => {
  const prefix = '/elections/';
  const over = (from: Cluster, to: Cluster, coordination: Cluster) =>
    new LoopGuard({
      ...optionsOf('x', from, to, ['/a/', prefix]),
      elections: { prefix, campaign: `${prefix}x/`, clusterId: async () => coordination.id },
    });

  it('is refused when it is the cluster that coordinates, under whatever name, and nothing is written to it', async () => {
    const [a, b] = [new Cluster('1'), new Cluster('2')];
    b.source.put(`${prefix}x/leader/1`, 'a node');
    const before = b.source.content();
    await expect(over(a, b, b).check(never)).rejects.toThrow(OverElectionsError);
    await expect(over(a, b, b).check(never)).rejects.toMatchObject({
      permanent: true,
      message: expect.stringContaining(`its routes write over coordination.prefix "${prefix}"`),
    });
    expect(b.source.content()).toEqual(before);
  });

  it('passes when it is another cluster, also one that was started with the same defaults', async () => {
    const [a, b] = [new Cluster('1'), new Cluster('2')];
    await over(a, b, new Cluster('3')).check(never);
    await over(a, b, new Cluster('2')).check(never);
  });
});
