import { type ReadFrom, SharedBudget, type StoredRecord, silentLogger } from '@tidemark/core';
import { never, someAnchor, until } from '@tidemark/testing';
import { headers, type Msg } from 'nats';
import { afterEach, describe, expect, it } from 'vitest';
import { headerLines } from '../src/format/frame.js';
import { MemoryJournal, MemoryStream } from '../src/index.js';
import type { NatsConnection } from '../src/nats/connection.js';
import { readJournal } from '../src/nats/reader.js';
import type { JournalStream } from '../src/nats/stream.js';

/** A stream in memory that counts how often somebody looks where it begins and ends. */
class CountedStream extends MemoryStream {
  looks = 0;

  override bounds() {
    this.looks++;
    return super.bounds();
  }
}

/** What a reader needs of a NATS server, over a stream in memory. A consumer starts no further than at the end. */
class FakeServer {
  readonly stream = new CountedStream();
  /** Where each consumer was asked to start. */
  readonly starts: number[] = [];
  private readonly lost = new Set<() => void>();
  private callback: (error: Error | null, message: Msg) => void = () => undefined;
  private next = 0;
  private beforeConsumer: () => Promise<void> = async () => undefined;

  /** Something happens right before the next consumer is made. */
  beforeNextConsumer(action: () => Promise<void>): void {
    this.beforeConsumer = action;
  }

  get connection(): NatsConnection {
    const connection = {
      connected: true,
      assertConnected: () => undefined,
      onLost: (listener: () => void) => {
        this.lost.add(listener);
        return () => this.lost.delete(listener);
      },
      nats: {
        subscribe: (_: string, { callback }: { callback: FakeServer['callback'] }) => {
          this.callback = callback;
          return { unsubscribe: () => undefined };
        },
        publish: () => this.deliver(),
      },
      manager: {
        consumers: {
          add: async (_: string, { opt_start_seq }: { opt_start_seq: number }) => {
            const action = this.beforeConsumer;
            this.beforeConsumer = async () => undefined;
            await action();
            this.starts.push(opt_start_seq);
            this.next = Math.min(opt_start_seq, this.stream.bounds().lastSequence + 1);
            return { name: 'consumer' };
          },
          delete: async () => true,
        },
      },
    };
    return connection as unknown as NatsConnection;
  }

  get journalStream(): JournalStream {
    const { stream } = this;
    const read = async () => ({ id: stream.id, deviations: [], ...stream.bounds() });
    const message = (sequence: number) => stream.message(sequence);
    return { name: 'stream', subject: 'subject', read, message } as unknown as JournalStream;
  }

  interrupt(): void {
    for (const listener of [...this.lost]) listener();
  }

  /** What the consumer has not sent yet. */
  deliver(): void {
    for (let message = this.stream.at(this.next); message !== null; message = this.stream.at(this.next)) {
      const lines = headers();
      for (const [name, value] of headerLines(message.headers)) lines.append(name, value);
      const reply = `$JS.ACK.stream.consumer.1.${this.next}.1.1.0`;
      this.next++;
      this.callback(null, { headers: lines, data: message.payload, reply, subject: 'subject' } as unknown as Msg);
    }
  }
}

const batch = (revision: number) =>
  ({ kind: 'batch', generation: 1, revision, anchor: someAnchor, entries: [{ revision, changes: [] }] }) as const;

function reset(generation: number, revision: number) {
  const position = { generation, revision };
  const snapshot = { id: 's', position, keys: 0, bytes: 0, createdAt: 0, rewind: null };
  return { kind: 'reset', ...position, reason: 'first_start', evidence: '', anchor: someAnchor, snapshot } as const;
}

const takeOver = async (stream: MemoryStream, term: number) => {
  const journal = new MemoryJournal(stream);
  return await journal.takeOver(await journal.head(never), term, 'a', never);
};

/** A journal: reset, batch, and what is then lost: a term, a reset to generation 2, and a batch. */
async function begun(stream: MemoryStream): Promise<void> {
  const first = await takeOver(stream, 1);
  await first.append(reset(1, 1));
  await first.append(batch(2));
  const second = await takeOver(stream, 2);
  await second.append(reset(2, 5));
  await second.append({ ...batch(6), generation: 2 });
}

/** Loses generation 2 and begins generation 3: as many messages as there were. */
async function loseAndBeginAgain(stream: MemoryStream): Promise<void> {
  const { lastSequence } = stream.bounds();
  stream.loseLast(3);
  const writer = await takeOver(stream, 3);
  await writer.append(reset(3, 7));
  await writer.append({ kind: 'progress', generation: 3, revision: 7 });
  expect(stream.bounds().lastSequence).toBe(lastSequence);
}

/** Less than the silence after which a consumer is made again: no heartbeats come. */
const LIMIT = { timeoutMs: 4_000 };

const stopping: AbortController[] = [];
afterEach(() => {
  for (const stop of stopping.splice(0)) stop.abort();
});

function read(server: FakeServer, from: ReadFrom, quietMs = 60_000) {
  const stop = new AbortController();
  stopping.push(stop);
  const options = { connection: server.connection, stream: server.journalStream, id: server.stream.id, quietMs };
  const budget = new SharedBudget(1024 * 1024);
  const handed: StoredRecord[] = [];
  const reading = (async () => {
    for await (const stored of readJournal(
      { ...options, budget, log: silentLogger, maxOutageMs: 5_000 },
      from,
      stop.signal,
    )) {
      handed.push(stored);
    }
  })();
  const outline = () => handed.map(({ record }) => `${record.kind} ${record.generation}/${record.revision}`);
  return { reading, outline };
}

const PLACES = [
  ['has read nothing', { generation: 2, revision: 6 }, []],
  ['has read the last record', { generation: 2, revision: 5 }, ['batch 2/6']],
] as const;
const BEGUN_AGAIN = ['reset 3/7', 'progress 3/7'];

describe.each(PLACES)('a reader that waits at the end, and %s', (_, after, had) => {
  async function waiting(server: FakeServer, quietMs?: number) {
    await begun(server.stream);
    const reader = read(server, { after }, quietMs);
    await until(() => server.starts.length === 1 && reader.outline().length === had.length, {
      describe: 'a reader that waits',
    });
    return reader;
  }

  it('finds the reset that took the place of what is lost, once it is connected again', async () => {
    const server = new FakeServer();
    const { outline } = await waiting(server);
    await loseAndBeginAgain(server.stream);
    server.interrupt();
    await until(() => outline().length === had.length + 2, {
      ...LIMIT,
      describe: () => `the reset; seen ${outline().join()}`,
    });
    expect(outline()).toEqual([...had, ...BEGUN_AGAIN]);
  });

  it('finds it when the loss comes between its look at the stream and its consumer', async () => {
    const server = new FakeServer();
    const { outline } = await waiting(server);
    server.beforeNextConsumer(async () => {
      await loseAndBeginAgain(server.stream);
      server.interrupt();
    });
    server.interrupt();
    await until(() => outline().length === had.length + 2, {
      ...LIMIT,
      describe: () => `the reset; seen ${outline().join()}`,
    });
    expect(outline()).toEqual([...had, ...BEGUN_AGAIN]);
  });

  it('finds it although its connection stays', async () => {
    const server = new FakeServer();
    const { outline } = await waiting(server, 20);
    await loseAndBeginAgain(server.stream);
    await until(() => outline().length === had.length + 2, {
      ...LIMIT,
      describe: () => `the reset; seen ${outline().join()}`,
    });
    expect(outline()).toEqual([...had, ...BEGUN_AGAIN]);
  });

  it('makes no other consumer while nothing is lost', async () => {
    const server = new FakeServer();
    const { stream } = server;
    const { outline } = await waiting(server, 5);
    const { looks } = stream;
    await until(() => stream.looks > looks + 20, { ...LIMIT, describe: 'it looked again and again' });
    expect(server.starts).toHaveLength(1);
    const writer = await takeOver(stream, 3);
    await writer.append({ ...batch(7), generation: 2 });
    server.deliver();
    await until(() => outline().length === had.length + 2, {
      ...LIMIT,
      describe: () => `the batch; seen ${outline().join()}`,
    });
    expect(outline()).toEqual([...had, 'term 2/6', 'batch 2/7']);
  });
});
