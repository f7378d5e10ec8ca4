import {
  AccessDeniedError,
  AmbiguousWriteError,
  describeError,
  type Journal,
  JournalChainBrokenError,
  JournalReplacedError,
  type JournalWriter,
  type RecordDraft,
  UnavailableError,
} from '@tidemark/core';
import { checkChain, localServers, never, readRawJournal, someAnchor, until } from '@tidemark/testing';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { NatsUnderTest } from './nats-under-test.js';

const servers = localServers();
const opened: NatsUnderTest[] = [];

afterEach(async () => {
  await Promise.all(opened.splice(0).map((journal) => journal.close()));
});
afterAll(() => servers[Symbol.asyncDispose]());

function underTest(url: string): NatsUnderTest {
  const journal = new NatsUnderTest(url);
  opened.push(journal);
  return journal;
}

function reset(generation = 1, revision = 0): RecordDraft {
  const position = { generation, revision };
  const snapshot = { id: 's', position, keys: 0, bytes: 0, createdAt: 0, rewind: null };
  return { kind: 'reset', ...position, reason: 'first_start', evidence: '', anchor: someAnchor, snapshot };
}

function batch(revision: number): RecordDraft {
  const put = { kind: 'put', key: Buffer.from('k'), createRevision: 1, version: revision, lease: 0n } as const;
  const changes = [{ ...put, value: Buffer.from(String(revision)) }];
  return { kind: 'batch', generation: 1, revision, anchor: someAnchor, entries: [{ revision, changes }] };
}

function appendNext(writer: JournalWriter): Promise<void> {
  return writer.append(batch((writer.position?.revision ?? 0) + 1));
}

async function takeOver(journal: Journal, term: number): Promise<JournalWriter> {
  const writer = await journal.takeOver(await journal.head(never), term, 'node', never);
  if (writer.position === null) await writer.append(reset());
  return writer;
}

/** Appends one revision after the other, taking over again after each failure, as a leader does. */
async function keepWriting(journal: Journal, upTo: number, failures: Error[]): Promise<void> {
  let writer: JournalWriter | null = null;
  for (let term = 1; ; ) {
    try {
      writer ??= await takeOver(journal, term++);
      while ((writer.position?.revision ?? 0) < upTo) await appendNext(writer);
      return;
    } catch (error) {
      if (!(error instanceof UnavailableError)) throw error;
      failures.push(error);
      writer = null;
      await until(() => journal.head(never), { timeoutMs: 20_000, describe: 'the journal answers again' });
    }
  }
}

/** So many that the writer is still at it when the server is killed for the second time, on a fast machine too. */
const REVISIONS = 8_000;

describe('the journal under faults of its server', () => {
  it('loses nothing and doubles nothing when the server is killed under a writer and a reader', async () => {
    const nats = await servers.nats();
    const test = underTest(nats.url);
    const [writing, reading] = [await test.node(), await test.node()];
    const failures: Error[] = [];
    const written = keepWriting(writing, REVISIONS, failures);
    const seen: number[] = [];
    const read = (async () => {
      for await (const { record } of reading.read('oldest', never)) {
        if (record.kind === 'batch') seen.push(record.revision);
        if (record.revision === REVISIONS) return;
      }
    })();
    for (const revision of [300, 900]) {
      await until(() => seen.length > revision, {
        everyMs: 1,
        describe: () => `${revision} revisions read, now ${seen.length}`,
      });
      await nats.kill();
      await nats.start();
    }
    await Promise.all([written, read]);
    expect(failures.length, failures.map(describeError).join('; ')).toBeGreaterThanOrEqual(2);
    expect(seen).toEqual(Array.from({ length: REVISIONS }, (_, index) => index + 1));
    expect(checkChain(await readRawJournal(nats, `TIDEMARK_${test.name}`)).violations).toEqual([]);
  });

  it('reports to a reader that the stream was deleted and created again', async () => {
    const test = underTest((await servers.nats()).url);
    const [one, two] = [await test.node(), await test.node()];
    const before = (await one.info(never)).id;
    const writer = await takeOver(one, 1);
    await writer.append(batch(1));
    const reader = one.read('oldest', never)[Symbol.asyncIterator]();
    expect((await reader.next()).value?.record.kind).toBe('reset');
    expect((await reader.next()).value?.record.revision).toBe(1);
    const reading = (async () => {
      while (!(await reader.next()).done);
    })();
    reading.catch(() => undefined);
    await test.deleteStream();
    await two.open(never);
    expect((await two.info(never)).id).not.toBe(before);
    await expect(reading).rejects.toThrow(JournalReplacedError);
  });

  it('ends an append to a frozen server as ambiguous, in time, and a read as unavailable', async () => {
    const nats = await servers.nats();
    const test = underTest(nats.url);
    const journal = await test.node({ timeoutMs: 500, readerMaxOutageMs: 500 });
    const writer = await takeOver(journal, 1);
    const reader = journal.read('oldest', never)[Symbol.asyncIterator]();
    await reader.next();
    // Reads on: what was appended before the freeze took effect may still be handed out.
    const reading = (async () => {
      while (!(await reader.next()).done);
    })();
    reading.catch(() => undefined);
    await nats.pause();
    // The signal takes effect a moment after it was sent: an append or two may still be answered.
    const failed = await until(
      () =>
        appendNext(writer).then(
          () => null,
          (error: unknown) => error,
        ),
      {
        everyMs: 0,
        describe: 'an append to the frozen server fails',
      },
    );
    expect(failed).toBeInstanceOf(AmbiguousWriteError);
    await expect(appendNext(writer)).rejects.toThrow(AmbiguousWriteError);
    await expect(journal.head(never)).rejects.toThrow(UnavailableError);
    await expect(reading).rejects.toThrow(UnavailableError);
    await nats.resume();
    await until(() => journal.head(never), { describe: 'the journal answers again' });
    const [stood, stands] = [writer.position?.revision ?? 0, (await takeOver(journal, 2)).position?.revision];
    expect([stood - 1, stood]).toContain(stands);
  });

  it('goes on by position when the server lost records that were already read', async () => {
    const nats = await servers.nats();
    const test = underTest(nats.url);
    const [writing, reading] = [await test.node(), await test.node()];
    const writer = await takeOver(writing, 1);
    for (let revision = 1; revision <= 6; revision++) await writer.append(batch(revision));
    const copy = await nats.copyData();
    for (let revision = 7; revision <= 10; revision++) await writer.append(batch(revision));
    const reader = reading.read({ after: { generation: 1, revision: 8 } }, never)[Symbol.asyncIterator]();
    for (const revision of [9, 10]) expect((await reader.next()).value?.record).toMatchObject({ revision, term: 1 });
    const next = reader.next();
    await nats.restoreData(copy);
    const successor = await until(() => takeOver(writing, 2), { timeoutMs: 20_000, describe: 'a successor' });
    expect(successor.position?.revision).toBe(6);
    for (let revision = 7; revision <= 12; revision++) await successor.append(batch(revision));
    // Those between may come again: the reader was ahead of the journal's end. 11 must come, then 12.
    const seen = [(await next).value?.record];
    while (seen.at(-1)?.revision !== 12) seen.push((await reader.next()).value?.record);
    expect(seen.map((record) => record?.term)).toEqual(seen.map(() => 2));
    expect(seen.slice(-2).map((record) => record?.revision)).toEqual([11, 12]);
  });

  it('finds a reset where it waited at the end and had read nothing, when the stream is as long as it was', async () => {
    const nats = await servers.nats();
    const test = underTest(nats.url);
    const [writing, reading] = [await test.node(), await test.node()];
    const writer = await takeOver(writing, 1);
    for (let revision = 1; revision <= 8; revision++) await writer.append(batch(revision));
    const copy = await nats.copyData();
    for (let revision = 9; revision <= 10; revision++) await writer.append(batch(revision));
    const reader = reading.read({ after: { generation: 1, revision: 10 } }, never)[Symbol.asyncIterator]();
    const next = reader.next();
    await until(async () => (await test.consumers()) === 1, { describe: 'a reader that waits' });
    const { sequence } = await writing.head(never);
    await nats.restoreData(copy);
    const successor = await until(() => takeOver(writing, 2), { timeoutMs: 20_000, describe: 'a successor' });
    await successor.append(reset(2, 20));
    expect((await writing.head(never)).sequence).toBe(sequence);
    // The term may come first: the reader was ahead of the journal's end.
    const seen = [(await next).value?.record];
    while (seen.at(-1)?.kind !== 'reset') seen.push((await reader.next()).value?.record);
    expect(seen.at(-1)).toMatchObject({ generation: 2, revision: 20 });
    await reader.return?.();
  });

  it('does not connect to nothing, and says what it tried', async () => {
    const test = underTest('nats://127.0.0.1:1');
    await expect(test.node()).rejects.toThrow(UnavailableError);
    await expect(test.node()).rejects.toThrow('nats://127.0.0.1:1');
  });

  it.each([
    ['publish', 'publish: { deny: "tidemark.*.journal" }'],
    ['hear the answer', 'subscribe: { deny: "_INBOX.*.*" }'],
  ])('says at once that it has no right to %s', async (_, permissions) => {
    const nats = await servers.nats();
    const test = underTest(nats.url);
    const journal = await test.node();
    const head = await journal.head(never);
    const user = `{ user: limited, password: limited, permissions: { ${permissions} } }`;
    await nats.stop();
    await nats.configure([`authorization: { users: [ ${user} ] }`, 'no_auth_user: limited']);
    await nats.start();
    const refusal = await until(
      async () => {
        const writer = await journal.takeOver(head, 1, 'node', never);
        const error: unknown = await writer.append(reset()).catch((cause: unknown) => cause);
        return error instanceof UnavailableError && error.code === 'UNAVAILABLE' ? null : error;
      },
      { timeoutMs: 20_000, describe: 'the journal is connected again' },
    );
    // No answer within the time of an append would be ambiguous.
    expect(refusal).toBeInstanceOf(AccessDeniedError);
  });

  it('reports messages that are missing wherever one begins to read, and is read after them', async () => {
    const test = underTest((await servers.nats()).url);
    await test.allowDeletes();
    const journal = await test.node();
    const writer = await takeOver(journal, 1);
    while ((writer.position?.revision ?? 0) < 20) await appendNext(writer);
    // The reset is message 1, revision N message N + 1. The search for a place looks at 11 first.
    await test.deleteMessages(8, 11, 12);
    const readBehind = async (revision: number) => {
      const seen: number[] = [];
      try {
        for await (const { record } of journal.read({ after: { generation: 1, revision } }, never)) {
          seen.push(record.revision);
          if (record.revision === 20) break;
        }
        return { seen, missing: false };
      } catch (error) {
        expect(error).toBeInstanceOf(JournalChainBrokenError);
        return { seen, missing: true };
      }
    };
    for (let revision = 0; revision < 20; revision++) {
      const { seen, missing } = await readBehind(revision);
      // After what is missing there is all the rest.
      expect(missing, `after ${revision}`).toBe(revision < 11);
      if (!missing) expect(seen).toEqual(Array.from({ length: 20 - revision }, (_, index) => revision + 1 + index));
    }
  });

  it('reports settings of the stream that differ, and changes none', async () => {
    const test = underTest((await servers.nats()).url);
    await test.node();
    const limits = { replicas: 1, maxAge: 3_600_000, maxBytes: 256 * 1024 * 1024 } as const;
    const other = await test.node({ config: { servers: [test.url], ...limits } });
    const { deviations } = await other.info(never);
    expect(deviations).toEqual([
      expect.stringMatching(/journal\.maxAge.*is 604800000000000, configured is 3600000000000\./),
    ]);
    await expect((await test.node()).info(never)).resolves.toMatchObject({ deviations: [] });
  });
});
