import { type Entry, SourceCompactedError, UnavailableError } from '@tidemark/core';
import { type EtcdServer, FaultProxy, localServers, never, type Servers, until } from '@tidemark/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EtcdClient, EtcdKv, EtcdSource } from '../src/index.js';
import { entryText, HistoryWriter } from './history-writer.js';

const seed = Date.now();
const LAG = 60_000;
const MIB = 1024 * 1024;
const LONG_MS = 180_000;

let servers: Servers;
let etcd: EtcdServer;
let source: EtcdSource;
let writer: HistoryWriter;

beforeAll(async () => {
  servers = localServers();
  etcd = await servers.etcd();
  source = new EtcdSource(new EtcdClient({ endpoints: [etcd.url] }));
  writer = new HistoryWriter(etcd, seed);
  await writer.write(LAG / 2);
  await writer.writeLeased(['/leased/a', '/leased/b', '/leased/c']);
  await writer.write(LAG / 2);
}, LONG_MS);

afterAll(async () => {
  await source?.close();
  await writer?.[Symbol.asyncDispose]();
  await servers?.[Symbol.asyncDispose]();
});

/** Watch streams that etcd itself counts. */
async function openStreams(server: EtcdServer): Promise<number> {
  const metrics = await (await fetch(`${server.url}/metrics`)).text();
  return Number(/^etcd_debugging_mvcc_watch_stream_total (\S+)$/m.exec(metrics)?.[1]);
}

async function allClosed(server: EtcdServer): Promise<void> {
  await until(async () => (await openStreams(server)) === 0, {
    timeoutMs: 20_000,
    describe: 'etcd to have no watch stream open',
  });
}

/** Compares what a tail hands out with the history that was written, as it comes. */
class Checker {
  next: number;

  constructor(start: number) {
    this.next = start;
  }

  check(entries: readonly Entry[]): void {
    for (const entry of entries) {
      if (entry.revision !== this.next || entryText(entry) !== writer.history.get(entry.revision)) {
        throw new Error(`at ${this.next} came ${entry.revision}: ${entryText(entry)} (seed ${seed})`);
      }
      this.next++;
    }
  }
}

describe('a tail that lags far', () => {
  it(`hands out every revision once and in order, as it was written (seed ${seed})`, async () => {
    const checker = new Checker(2);
    let streams = 0;
    for await (const entries of source.tail(1, never)) {
      checker.check(entries);
      if (streams < 3) streams = Math.max(streams, await openStreams(etcd));
      if (checker.next > writer.head) break;
    }
    expect(writer.head).toBeGreaterThan(LAG);
    expect(streams).toBeGreaterThan(2);
    await allClosed(etcd);
  });

  it('goes on with the writers at full speed, and then with one steady watcher', async () => {
    const checker = new Checker(2);
    const stop = new AbortController();
    let writing = true;
    const load = writer.write(20_000, () => writing);
    const tail = (async () => {
      for await (const entries of source.tail(1, stop.signal)) {
        // A revision may be here before its writer has the answer.
        const known = () => entries.every(({ revision }) => writer.history.has(revision));
        await until(known, { everyMs: 1, describe: 'the writers to have their answers' });
        checker.check(entries);
        if (checker.next > LAG + 2_000) writing = false;
      }
    })();
    await load;
    await until(() => checker.next > writer.head, {
      timeoutMs: 30_000,
      describe: () => `the head, at ${checker.next}`,
    });
    expect(await openStreams(etcd)).toBe(1);
    await writer.write(50);
    await until(() => checker.next > writer.head, { describe: () => `the new head, at ${checker.next}` });
    stop.abort();
    await tail;
    await allClosed(etcd);
  });

  it('aborted or left in the middle closes every watcher', async () => {
    for (const leave of ['abort', 'break'] as const) {
      const stop = new AbortController();
      const checker = new Checker(2);
      for await (const entries of source.tail(1, stop.signal)) {
        checker.check(entries);
        if (checker.next < 10_000) continue;
        if (leave === 'break') break;
        stop.abort();
      }
      expect(checker.next).toBeLessThan(LAG);
      await allClosed(etcd);
    }
  });

  it('keeps no watcher open for a consumer that reads nothing, and loses nothing', async () => {
    const checker = new Checker(2);
    let stood = false;
    for await (const entries of source.tail(1, never)) {
      checker.check(entries);
      if (!stood && checker.next > 5_000) {
        await allClosed(etcd);
        stood = true;
      }
      if (checker.next > writer.head) break;
    }
    expect(stood).toBe(true);
  });

  it(
    'cut in the middle fails as one watcher does, and resumes by overlap',
    async () => {
      const proxy = await FaultProxy.start(etcd.address);
      const reader = new EtcdSource(new EtcdClient({ endpoints: [`http://${proxy.address}`] }));
      let checker = new Checker(2);
      let breaks = 0;
      while (checker.next <= writer.head) {
        const start = Math.max(1, checker.next - 1);
        // Not the first pieces: the watchers ahead are to be under way.
        if (breaks < 5) proxy.dropReply(40 + 30 * breaks);
        try {
          checker = new Checker(Math.max(2, start));
          for await (const entries of reader.tail(start, never)) {
            checker.check(entries);
            if (checker.next > writer.head) break;
          }
        } catch (error) {
          expect(error).toBeInstanceOf(UnavailableError);
          breaks++;
        }
      }
      expect(breaks).toBeGreaterThan(0);
      expect(proxy.counters.droppedReplies).toBe(breaks);
      await reader.close();
      await proxy[Symbol.asyncDispose]();
      await allClosed(etcd);
    },
    LONG_MS,
  );

  it('ends with the compaction when history goes away in the middle, or is gone at the start', async () => {
    const checker = new Checker(2);
    const compactAt = writer.head - 500;
    let compacted = false;
    const reading = (async () => {
      for await (const entries of source.tail(1, never)) {
        checker.check(entries);
        if (compacted) continue;
        await etcd.etcdctl(['compact', String(compactAt)]);
        compacted = true;
      }
    })();
    await expect(reading).rejects.toThrow(SourceCompactedError);
    expect(compacted).toBe(true);
    expect(checker.next).toBeLessThan(compactAt);
    const below = source.tail(2, never)[Symbol.asyncIterator]();
    await expect(below.next()).rejects.toThrow(SourceCompactedError);
    await allClosed(etcd);
  });
});

describe('values of 1 MiB in the middle of small ones', () => {
  let large: EtcdServer;
  let lagging: EtcdSource;
  let head: number;

  beforeAll(async () => {
    large = await servers.etcd();
    lagging = new EtcdSource(new EtcdClient({ endpoints: [large.url] }));
    const kv = new EtcdKv(new EtcdClient({ endpoints: [large.url] }));
    await putMany(kv, '/before/', { count: 3_000, bytes: 100 });
    await putMany(kv, '/large/', { count: 300, bytes: MIB });
    await putMany(kv, '/after/', { count: 3_000, bytes: 100 });
    await kv.close();
    head = (await lagging.identity(never)).revision;
  }, LONG_MS);

  afterAll(async () => {
    await lagging?.close();
    await large?.kill();
  });

  it('are read in bounded memory, by a fast consumer and by a slow one', async () => {
    for (const turns of [0, 20]) {
      const memory = new MemoryPeak();
      let next = 2;
      for await (const entries of lagging.tail(1, never)) {
        for (const { revision } of entries) expect(revision).toBe(next++);
        for (let turn = 0; turn < turns; turn++) {
          memory.sample();
          await new Promise((resolve) => setImmediate(resolve));
        }
        memory.sample();
        if (next > head) break;
      }
      expect(memory.growth).toBeLessThan(200 * MIB);
    }
    await allClosed(large);
  });

  it('lose their watcher, with an error, when the consumer reads nothing for seconds', async () => {
    let next = 2;
    let stood = false;
    const reading = (async () => {
      for await (const entries of lagging.tail(1, never)) {
        for (const { revision } of entries) expect(revision).toBe(next++);
        if (stood || next < 3_010) continue;
        expect(await openStreams(large)).toBeGreaterThan(0);
        await allClosed(large);
        stood = true;
      }
    })();
    await expect(reading).rejects.toThrow(UnavailableError);
    expect(stood).toBe(true);
    expect(next).toBeLessThan(head);
  });
});

async function putMany(kv: EtcdKv, prefix: string, { count, bytes }: { count: number; bytes: number }): Promise<void> {
  const next = Buffer.alloc(bytes, 'x');
  let index = 0;
  const lane = async () => {
    while (index < count) {
      const checkpointKey = Buffer.from(`${prefix}${index++}`);
      await kv.executeCheckpointed({ checkpointKey, expected: null, next, writes: [] }, never);
    }
  };
  await Promise.all(Array.from({ length: 16 }, lane));
}

/** Resident memory of this process over what it was at the start. */
class MemoryPeak {
  private readonly start = process.memoryUsage.rss();
  private peak = this.start;

  get growth(): number {
    return this.peak - this.start;
  }

  sample(): void {
    this.peak = Math.max(this.peak, process.memoryUsage.rss());
  }
}
