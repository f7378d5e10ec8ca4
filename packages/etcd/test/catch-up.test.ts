import { type Entry, SourceCompactedError, SourceGapError, UnavailableError } from '@tidemark/core';
import { never, Random, until } from '@tidemark/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { follow } from '../src/watch/follow.js';
import type { ReadAheadLimits } from '../src/watch/segments.js';
import { FakeHistory, outline } from './fake-history.js';

const seed = Date.now();

interface Case {
  readonly seed: number;
  readonly lag: number;
  readonly start: number;
  readonly batch: number;
  readonly bytesPerChange: number;
  readonly limits: ReadAheadLimits;
}

const cases: fc.Arbitrary<Case> = fc.record({
  seed: fc.nat(),
  lag: fc.integer({ min: 1, max: 400 }),
  start: fc.integer({ min: 1, max: 60 }),
  batch: fc.integer({ min: 1, max: 20 }),
  bytesPerChange: fc.constantFrom(1, 1_000, 20_000),
  limits: fc.record({
    revisions: fc.integer({ min: 2, max: 20 }),
    watchers: fc.integer({ min: 1, max: 8 }),
    bytes: fc.constant(100_000),
  }),
});

/** Reads a tail in the background, now and then slowly. */
class Reader {
  readonly entries: Entry[] = [];
  distrusted = 0;
  readonly ended: Promise<unknown>;
  private readonly abort = new AbortController();

  constructor(history: FakeHistory, { start, limits, seed: seedOfCase }: Case) {
    const distrust = () => {
      this.distrusted++;
    };
    const tail = follow({ open: history.watch, startRevision: start, distrust, limits }, this.abort.signal);
    this.ended = this.read(tail, new Random(seedOfCase)).then(
      () => null,
      (error: unknown) => error,
    );
  }

  async stop(): Promise<unknown> {
    this.abort.abort();
    return await this.ended;
  }

  private async read(tail: AsyncIterable<readonly Entry[]>, random: Random): Promise<void> {
    for await (const entries of tail) {
      this.entries.push(...entries);
      for (let turns = random.chance(0.2) ? random.below(50) : 0; turns > 0; turns--) {
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
  }
}

function begin(some: Case): { history: FakeHistory; reader: Reader } {
  const history = new FakeHistory(new Random(some.seed), some);
  history.grow(some.lag);
  return { history, reader: new Reader(history, some) };
}

function expectPrefix(reader: Reader, history: FakeHistory, start: number): void {
  // The first revision is the caller's overlap: a compaction may have taken its deletes.
  const whole = (entry: Entry) => entry.revision > start || (entry.revision === start && start !== history.compacted);
  const read = outline(reader.entries.filter(whole));
  expect(read).toEqual(outline(history.entries.filter(whole)).slice(0, read.length));
}

describe(`catching up in segments (seed ${seed})`, () => {
  it('hands out every revision once, whole and in order, while the source goes on', async () => {
    let mostOpened = 0;
    const property = fc.asyncProperty(cases, async (some) => {
      const { history, reader } = begin(some);
      for (let round = 0; round < 5; round++) {
        history.grow(30);
        await new Promise((resolve) => setImmediate(resolve));
      }
      await until(() => (reader.entries.at(-1)?.revision ?? 0) === history.head, {
        everyMs: 1,
        describe: () => `revision ${history.head}, have ${reader.entries.at(-1)?.revision}`,
      });
      expectPrefix(reader, history, some.start);
      expect(await reader.stop()).toBeNull();
      expect(history.openNow).toBe(0);
      expect(history.mostOpen).toBeLessThanOrEqual(some.limits.watchers + 1);
      expect(reader.distrusted).toBe(0);
      mostOpened = Math.max(mostOpened, history.opened);
    });
    await fc.assert(property, { seed, numRuns: 100 });
    expect(mostOpened).toBeGreaterThan(10);
  });

  it('ends with the compaction, and without a hole before it', async () => {
    let reported = 0;
    // Short segments, each in one batch as in etcd: a compaction is at its worst right after a border.
    const short = fc.tuple(cases, fc.integer({ min: 2, max: 4 })).map(([some, revisions]) => ({
      ...some,
      start: 1,
      lag: 60,
      batch: revisions,
      limits: { ...some.limits, revisions },
    }));
    const revision = fc.integer({ min: 2, max: 60 });
    const property = fc.asyncProperty(short, revision, fc.nat({ max: 40 }), async (some, at, turns) => {
      const { history, reader } = begin(some);
      for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
      history.compacted = at;
      const outcome = await Promise.race([
        reader.ended,
        until(() => reader.entries.at(-1)?.revision === history.head, { everyMs: 1, describe: 'the head' }),
      ]);
      expectPrefix(reader, history, some.start);
      if (outcome === true) expect(await reader.stop()).toBeNull();
      else {
        expect(outcome).toBeInstanceOf(SourceCompactedError);
        reported++;
      }
      expect(history.openNow).toBe(0);
    });
    await fc.assert(property, { seed, numRuns: 200 });
    expect(reported).toBeGreaterThan(0);
  });

  it('never takes a revision from a watcher that a compaction may have robbed of its deletes', async () => {
    const limits = { revisions: 10, watchers: 1, bytes: 100_000 };
    for (const border of [10, 19, 28]) {
      const history = new FakeHistory(new Random(seed), { batch: 10, bytesPerChange: 1 });
      history.grow(100);
      const starts: number[] = [];
      // The compaction comes when the watcher is opened that starts at the border.
      const open = (from: number, signal: AbortSignal) => {
        starts.push(from);
        if (from >= border) history.compacted = border + 1;
        return history.watch(from, signal);
      };
      const read: Entry[] = [];
      const reading = (async () => {
        for await (const entries of follow({ open, startRevision: 1, distrust: () => undefined, limits }, never)) {
          read.push(...entries);
        }
      })();
      await expect(reading).rejects.toThrow(SourceCompactedError);
      expect(read.at(-1)?.revision ?? 0).toBeLessThanOrEqual(border);
      expect(starts).toEqual([1, 10, 19, 28].slice(0, starts.length));
    }
  });

  it('begins each watcher at a revision that another one brings, also where one was cut short', async () => {
    let cutShort = 0;
    const property = fc.asyncProperty(fc.nat(), async (seedOfCase) => {
      const history = new FakeHistory(new Random(seedOfCase), { batch: 5, bytesPerChange: 20_000 });
      history.grow(400);
      const watchers: { readonly from: number; whole: number }[] = [];
      const read: Entry[] = [];
      async function* open(from: number, signal: AbortSignal) {
        const watcher = { from, whole: 0 };
        watchers.push(watcher);
        // Everything before it has been handed out: no border that was planned.
        if (from === read.at(-1)?.revision) cutShort++;
        for await (const responses of history.watch(from, signal)) {
          for (const { runs, fragment } of responses) {
            const newest = runs.at(-1)?.revision ?? 0;
            watcher.whole = Math.max(watcher.whole, fragment ? newest - 1 : newest);
          }
          yield responses;
        }
      }
      const limits = { revisions: 20, watchers: 1, bytes: 500_000 };
      for await (const entries of follow({ open, startRevision: 1, distrust: () => undefined, limits }, never)) {
        read.push(...entries);
        if (read.at(-1)?.revision === history.head) break;
      }
      // Where it begins a compaction may have taken the deletes, unseen.
      const brought = (start: number) => watchers.some(({ from, whole }) => from < start && start <= whole);
      expect(watchers.filter(({ from }) => from > 1 && !brought(from))).toEqual([]);
      expect(outline(read)).toEqual(outline(history.entries));
    });
    await fc.assert(property, { seed, numRuns: 20 });
    expect(cutShort).toBeGreaterThan(0);
  });

  it('ends with a broken stream, whichever segment it was, after what is whole', async () => {
    const property = fc.asyncProperty(cases, fc.nat({ max: 399 }), async (some, at) => {
      const { history, reader } = begin({ ...some, start: 1 });
      history.breaksAt = 2 + (at % some.lag);
      expect(await reader.ended).toBeInstanceOf(UnavailableError);
      expectPrefix(reader, history, 1);
      expect(reader.entries.length).toBeLessThan(history.breaksAt - 1);
      expect(history.openNow).toBe(0);
    });
    await fc.assert(property, { seed, numRuns: 100 });
  });

  it('finds a lost revision wherever the borders are', async () => {
    const property = fc.asyncProperty(cases, fc.nat({ max: 397 }), async (some, at) => {
      const { history, reader } = begin({ ...some, start: 1, lag: some.lag + 2 });
      history.lost = 3 + (at % some.lag);
      const { lost } = history;
      expect(await reader.ended).toBeInstanceOf(SourceGapError);
      expect(reader.entries.map(({ revision }) => revision)).toEqual(
        Array.from({ length: lost - 2 }, (_, index) => index + 2),
      );
      expect(history.openNow).toBe(0);
    });
    await fc.assert(property, { seed, numRuns: 100 });
  });

  it('closes every watcher when it is left in the middle, or aborted', async () => {
    const limits = { revisions: 5, watchers: 6, bytes: 100_000 };
    for (const leave of ['break', 'abort'] as const) {
      const history = new FakeHistory(new Random(seed), { batch: 3, bytesPerChange: 1 });
      history.grow(300);
      const stop = new AbortController();
      for await (const _ of follow(
        { open: history.watch, startRevision: 1, distrust: () => undefined, limits },
        stop.signal,
      )) {
        if (history.mostOpen < 4) continue;
        if (leave === 'break') break;
        stop.abort();
      }
      expect(history.mostOpen).toBeGreaterThanOrEqual(4);
      expect(history.openNow).toBe(0);
    }
  });

  it('reads a bounded number of bytes ahead of a consumer that reads nothing', async () => {
    const limits = { revisions: 10, watchers: 6, bytes: 100_000 };
    const history = new FakeHistory(new Random(seed), { batch: 5, bytesPerChange: 1_000 });
    history.grow(2_000);
    const tail = follow({ open: history.watch, startRevision: 1, distrust: () => undefined, limits }, never);
    await tail.next();
    await until(() => history.openNow === 0, { describe: 'every watcher to be closed, or to wait for its reader' });
    expect(history.opened).toBeGreaterThan(2);
    expect(history.opened).toBeLessThan(20);
    let count = 0;
    for await (const entries of tail) {
      count += entries.length;
      if (entries.at(-1)?.revision === history.head) break;
    }
    expect(count).toBeGreaterThan(1_900);
    expect(history.openNow).toBe(0);
  });
});
