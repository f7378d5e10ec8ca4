import { type Journal, type ReadFrom, type StoredRecord, silentLogger } from '@tidemark/core';
import { journalConformance, never, someAnchor, until } from '@tidemark/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MemoryJournal, MemoryStream, SharedTail } from '../src/index.js';
import { abandonedFrame } from './abandoned.js';

journalConformance('SharedTail', async (options = {}) => {
  const stream = new MemoryStream(options);
  const journal = new MemoryJournal(stream);
  const tail = new SharedTail(journal, silentLogger);
  const shared: Journal = {
    open: (signal) => tail.open(signal),
    info: (signal) => tail.info(signal),
    read: (from, signal) => tail.read(from, signal),
    head: (signal) => journal.head(signal),
    takeOver: (...call) => journal.takeOver(...call),
    snapshots: journal.snapshots,
    close: () => journal.close(),
  };
  return {
    node: async () => shared,
    abandonPart: async () => stream.append(stream.bounds().lastSequence, abandonedFrame()),
  };
});

/** Counts the readings that are under way. */
class CountingJournal extends MemoryJournal {
  readings = 0;

  override async *read(from: ReadFrom, signal: AbortSignal): AsyncGenerator<StoredRecord> {
    this.readings++;
    try {
      yield* super.read(from, signal);
    } finally {
      this.readings--;
    }
  }
}

const batch = (revision: number) =>
  ({ kind: 'batch', generation: 1, revision, anchor: someAnchor, entries: [{ revision, changes: [] }] }) as const;

/** Its first reading, which is that of the first window, can be made to wait before what it has is handed out. */
class HeldJournal extends CountingJournal {
  private held: Promise<void> = Promise.resolve();
  private begun = false;

  /** Returns how to let it go on. */
  hold(): () => void {
    let goOn: () => void = () => undefined;
    this.held = new Promise((resolve) => {
      goOn = resolve;
    });
    return goOn;
  }

  override async *read(from: ReadFrom, signal: AbortSignal): AsyncGenerator<StoredRecord> {
    const isFirst = !this.begun;
    this.begun = true;
    if (isFirst) await this.held;
    for await (const record of super.read(from, signal)) {
      if (isFirst) await this.held;
      yield record;
    }
  }
}

/** A journal that begins with revision 1. */
async function begun(journal: Journal) {
  const snapshot = { id: 's', position: { generation: 1, revision: 1 }, keys: 0, bytes: 0, createdAt: 0, rewind: null };
  const writer = await journal.takeOver(await journal.head(never), 1, 'a', never);
  const why = { reason: 'first_start', evidence: '', anchor: someAnchor } as const;
  await writer.append({ kind: 'reset', generation: 1, revision: 1, ...why, snapshot });
  return writer;
}

/** Somebody who reads at his own pace, and notes what he was handed. */
class Follower {
  readonly revisions: number[] = [];
  private readonly stopping = new AbortController();
  private readonly done: Promise<void>;

  constructor(
    journal: Pick<Journal, 'read'>,
    after: number,
    private readonly pause: () => Promise<void> = async () => undefined,
  ) {
    this.done = this.follow(journal, after);
  }

  get last(): number {
    return this.revisions.at(-1) ?? 0;
  }

  async reaches(revision: number): Promise<void> {
    await until(() => this.last >= revision, { everyMs: 0.1, describe: () => `${revision}, is at ${this.last}` });
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.done;
  }

  private async follow(journal: Pick<Journal, 'read'>, revision: number): Promise<void> {
    for await (const { record } of journal.read({ after: { generation: 1, revision } }, this.stopping.signal)) {
      this.revisions.push(record.revision);
      await this.pause();
    }
  }
}

function upTo(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, index) => from + index);
}

describe('readers of one tail', () => {
  it('read the journal once, wherever near the end they began', async () => {
    const journal = new CountingJournal(new MemoryStream());
    const shared = new SharedTail(journal, silentLogger);
    const writer = await begun(journal);
    for (const revision of upTo(2, 50)) await writer.append(batch(revision));
    const followers = [50, 45, 40, 50, 10].map((after) => new Follower(shared, after));
    await writer.append(batch(51));
    for (const follower of followers) await follower.reaches(51);
    await writer.append(batch(52));
    await writer.append(batch(53));
    for (const follower of followers) await follower.reaches(53);
    expect(journal.readings).toBe(1);
    for (const [index, after] of [50, 45, 40, 50, 10].entries())
      expect(followers[index]?.revisions).toEqual(upTo(after + 1, 53));
    for (const follower of followers) await follower.stop();
    await until(() => journal.readings === 0, { describe: 'no reading left' });
  });

  it('do not wait for one that does not read, who then reads what he missed', async () => {
    const journal = new CountingJournal(new MemoryStream());
    const shared = new SharedTail(journal, silentLogger, { keepBytes: 500, aheadBytes: 2000, maxBytes: 2000 });
    const writer = await begun(journal);
    let goOn: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    const stuck = new Follower(shared, 1, () => gate);
    const quick = new Follower(shared, 1);
    for (const revision of upTo(2, 200)) await writer.append(batch(revision));
    await quick.reaches(200);
    expect(stuck.last).toBe(2);
    goOn();
    await stuck.reaches(200);
    expect(stuck.revisions).toEqual(upTo(2, 200));
    await Promise.all([stuck.stop(), quick.stop()]);
  });

  it('are not lost when the stream loses what was read', async () => {
    const stream = new MemoryStream();
    const journal = new CountingJournal(stream);
    const shared = new SharedTail(journal, silentLogger);
    const first = await begun(journal);
    for (const revision of [2, 3]) await first.append(batch(revision));
    const followers = [new Follower(shared, 1), new Follower(shared, 2)];
    for (const follower of followers) await follower.reaches(3);
    stream.loseLast(2);
    const second = await journal.takeOver(await journal.head(never), 2, 'b', never);
    for (const revision of [2, 3, 4]) await second.append(batch(revision));
    for (const follower of followers) await follower.reaches(4);
    for (const follower of followers) expect(follower.revisions.slice(-2)).toEqual([3, 4]);
    for (const follower of followers) await follower.stop();
  });

  it('do not wait for a record that was lost, when one is ahead of the window', async () => {
    const stream = new MemoryStream();
    const journal = new HeldJournal(stream);
    const shared = new SharedTail(journal, silentLogger);
    const first = await begun(journal);
    for (const revision of [2, 3]) await first.append(batch(revision));
    const goOn = journal.hold();
    const opener = new Follower(shared, 3);
    const ahead = new Follower(shared, 1);
    await first.append(batch(4));
    await ahead.reaches(4);
    stream.loseLast(3);
    const second = await journal.takeOver(await journal.head(never), 2, 'b', never);
    const position = { generation: 2, revision: 9 };
    const snapshot = { id: 't', position, keys: 0, bytes: 0, createdAt: 0, rewind: null };
    await second.append({ kind: 'reset', ...position, reason: 'rewound', evidence: '', anchor: someAnchor, snapshot });
    goOn();
    // Nothing else comes: the source is quiet.
    for (const follower of [opener, ahead]) await follower.reaches(9);
    for (const follower of [opener, ahead]) await follower.stop();
  });

  it('join the window once it has read what they were handed, although nothing else comes', async () => {
    const journal = new HeldJournal(new MemoryStream());
    const shared = new SharedTail(journal, silentLogger);
    const writer = await begun(journal);
    for (const revision of [2, 3]) await writer.append(batch(revision));
    const goOn = journal.hold();
    const followers = [3, 1, 2, 1].map((after) => new Follower(shared, after));
    await writer.append(batch(4));
    for (const follower of followers.slice(1)) await follower.reaches(4);
    // Each alone: the window's reading has not begun.
    expect(journal.readings).toBe(3);
    goOn();
    await until(() => journal.readings === 1, { describe: () => `one reading, are ${journal.readings}` });
    await writer.append(batch(5));
    for (const follower of followers) await follower.reaches(5);
    for (const [index, after] of [3, 1, 2, 1].entries())
      expect(followers[index]?.revisions).toEqual(upTo(after + 1, 5));
    for (const follower of followers) await follower.stop();
  });

  it('join a window whose own readers do not read', async () => {
    const journal = new CountingJournal(new MemoryStream());
    const shared = new SharedTail(journal, silentLogger, { keepBytes: 500, aheadBytes: 1000, maxBytes: 4000 });
    const writer = await begun(journal);
    for (const revision of upTo(2, 50)) await writer.append(batch(revision));
    // One that reads alone, and goes on to do so at the end when the window is gone.
    const opener = new Follower(shared, 50);
    const quick = new Follower(shared, 1);
    await quick.reaches(50);
    await opener.stop();
    await until(() => journal.readings === 1, { describe: 'no window' });
    let goOn: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    const stuck = new Follower(shared, 1, () => gate);
    await stuck.reaches(2);
    expect(journal.readings).toBe(2);
    await writer.append(batch(51));
    await quick.reaches(51);
    await until(() => journal.readings === 1, { describe: () => `one reading, are ${journal.readings}` });
    for (const revision of upTo(52, 60)) await writer.append(batch(revision));
    await quick.reaches(60);
    expect(quick.revisions).toEqual(upTo(2, 60));
    goOn();
    await stuck.reaches(60);
    expect(stuck.revisions).toEqual(upTo(2, 60));
    for (const follower of [quick, stuck]) await follower.stop();
  });

  it('are handed what they would have read alone, however slow they are and however small the window is', async () => {
    const pace = fc.constantFrom(0, 0, 1, 3, 8);
    const plan = fc.record({
      readers: fc.array(fc.record({ after: fc.integer({ min: 1, max: 20 }), turns: pace }), {
        minLength: 1,
        maxLength: 5,
      }),
      written: fc.integer({ min: 20, max: 60 }),
      maxBytes: fc.integer({ min: 200, max: 4000 }),
    });
    await fc.assert(
      fc.asyncProperty(plan, async ({ readers, written, maxBytes }) => {
        const journal = new MemoryJournal(new MemoryStream());
        const shared = new SharedTail(journal, silentLogger, {
          keepBytes: maxBytes / 4,
          aheadBytes: maxBytes / 2,
          maxBytes,
        });
        const writer = await begun(journal);
        for (const revision of upTo(2, 20)) await writer.append(batch(revision));
        const followers = readers.map(({ after, turns }) => new Follower(shared, after, () => letPass(turns)));
        for (const revision of upTo(21, written + 1)) {
          await writer.append(batch(revision));
          if (revision % 7 === 0) await letPass(1);
        }
        for (const follower of followers) await follower.reaches(written + 1);
        for (const follower of followers) await follower.stop();
        for (const [index, { after }] of readers.entries())
          expect(followers[index]?.revisions).toEqual(upTo(after + 1, written + 1));
      }),
      { numRuns: 60, endOnFailure: true },
    );
  });
});

async function letPass(turns: number): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await new Promise(setImmediate);
}
