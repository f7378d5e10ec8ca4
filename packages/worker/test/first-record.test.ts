import { type StoredRecord, UnavailableError } from '@tidemark/core';
import { never } from '@tidemark/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import { firstRecord } from '../src/resync/first-record.js';
import { Chronicle } from './support/chronicle.js';

/** Beyond the time that a test may take. */
const NEVER_MS = 3_600_000;

let chronicle: Chronicle;

beforeEach(() => {
  chronicle = new Chronicle();
});

describe('waiting for the first record of an empty journal', () => {
  it('ends with it', async () => {
    let over = false;
    const waiting = firstRecord(chronicle.journal, NEVER_MS, never).then(() => {
      over = true;
    });
    await new Promise(setImmediate);
    expect(over).toBe(false);
    await chronicle.reset();
    await waiting;
  });

  it('ends when aborted, and at its limit', async () => {
    const stop = new AbortController();
    const waiting = firstRecord(chronicle.journal, NEVER_MS, stop.signal);
    stop.abort();
    await waiting;
    await firstRecord(chronicle.journal, 1, never);
  });

  it('lasts until its limit when the journal cannot be read', async () => {
    let reads = 0;
    const failing: AsyncIterator<StoredRecord> = {
      next: () => {
        reads++;
        return Promise.reject(new UnavailableError({ message: 'away', remedy: 'wait' }));
      },
    };
    const journal = { read: () => ({ [Symbol.asyncIterator]: () => failing }) };
    await firstRecord(journal, 1, never);
    expect(reads).toBe(1);
  });

  it('leaves no reader open', async () => {
    let readers = 0;
    const journal = {
      async *read(...[from, signal]: Parameters<typeof chronicle.journal.read>): AsyncGenerator<StoredRecord> {
        readers++;
        try {
          yield* chronicle.journal.read(from, signal);
        } finally {
          readers--;
        }
      },
    };
    await firstRecord(journal, 1, never);
    await new Promise(setImmediate);
    expect(readers).toBe(0);
  });
});
