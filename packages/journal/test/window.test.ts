import type { Position, StoredRecord } from '@tidemark/core';
import { never, someAnchor, until } from '@tidemark/testing';
import { expect, it } from 'vitest';
import { type Place, Window } from '../src/shared/window.js';

/** A reader that has read alone may be ahead of the window: the two have a consumer each. */

const LIMITS = { keepBytes: 1000, aheadBytes: 1000, maxBytes: 4000 };
const START: Position = { generation: 1, revision: 1 };

function stored(sequence: number, term = 1): StoredRecord {
  const record = {
    ...({ kind: 'batch', notBefore: null, generation: 1, revision: sequence, previous: sequence - 1 } as const),
    ...{ term, time: sequence, anchor: someAnchor, entries: [] },
  };
  return { sequence, bytes: 100, record };
}

/** A window that reads what is pushed. */
function fed() {
  const window = new Window({ after: START, last: null }, LIMITS);
  const records: StoredRecord[] = [];
  let next = 0;
  const filled = window.fill(async function* (signal) {
    while (!signal.aborted) {
      const record = records[next];
      if (record === undefined) await new Promise(setImmediate);
      else {
        next++;
        yield record;
      }
    }
  });
  return { window, filled, read: () => next, push: (...more: StoredRecord[]) => records.push(...more) };
}

/** Follows from a place; records what it was handed, and the place where it lost the window. */
function follower(window: Window, place: Place, signal: AbortSignal) {
  const handed: number[] = [];
  const following = (async () => {
    const records = window.follow(place, signal);
    for (;;) {
      const { done, value } = await records.next();
      if (done) return value;
      handed.push(value.sequence);
    }
  })();
  return { handed, following };
}

it('a reader ahead of the window joins it once it has his record, and is handed only what he has not had', async () => {
  const { window, filled, push } = fed();
  const stopping = new AbortController();
  const place = { after: START, last: stored(4) };
  push(stored(2), stored(3));
  const opener = follower(window, { after: START, last: null }, stopping.signal);
  await until(() => opener.handed.length === 2, { describe: 'what precedes' });
  expect(window.covers(place)).toBe(false);
  push(stored(4), stored(5), stored(6));
  await until(() => window.covers(place), { describe: 'his record' });
  const { handed, following } = follower(window, place, stopping.signal);
  await until(() => handed.length === 2, { describe: 'two records' });
  expect(handed).toEqual([5, 6]);
  push(stored(7));
  await until(() => handed.length === 3, { describe: 'the next one' });
  stopping.abort();
  push(stored(8));
  await Promise.all([following, opener.following, filled]);
});

it.each([
  ['another record at its sequence', [stored(2), stored(3), stored(4, 2)]],
  ['a later position before its sequence', [stored(2), { ...stored(9), sequence: 3 }]],
  ['what came in the place of its record, and nothing else', [stored(2), stored(3, 2)]],
])('a reader ahead of the window is not let in when that reads %s', async (_, records) => {
  const { window, filled, push } = fed();
  const place = { after: START, last: stored(4) };
  const stopping = new AbortController();
  const opener = follower(window, { after: START, last: null }, stopping.signal);
  for (const record of records) {
    const due = opener.handed.length + 1;
    push(record);
    await until(() => opener.handed.length === due, { describe: 'the record' });
    expect(window.covers(place)).toBe(false);
  }
  stopping.abort();
  push(stored(8));
  await Promise.all([opener.following, filled]);
});

it('is read up to what somebody was handed alone, however slow its own readers are', async () => {
  const { window, filled, read, push } = fed();
  push(...Array.from({ length: 40 }, (_, index) => stored(index + 2)));
  const records = window.follow({ after: START, last: null }, never);
  await records.next();
  await until(() => read() === 12, { describe: 'as much as is read ahead' });
  const place = { after: START, last: stored(30) };
  window.reach(place.last);
  await until(() => window.covers(place), { describe: 'his record' });
  expect(read()).toBe(29);
  await records.return({ after: START, last: null });
  await filled;
});

it('is read only a little ahead of its fastest reader', async () => {
  const { window, filled, read, push } = fed();
  push(...Array.from({ length: 40 }, (_, index) => stored(index + 2)));
  const records = window.follow({ after: START, last: null }, never);
  for (let taken = 1; taken <= 20; taken++) {
    await records.next();
    await new Promise(setImmediate);
    // Ten records of 100 bytes, and one with which that is more than the limit.
    expect(read()).toBeLessThanOrEqual(taken + 11);
  }
  await records.return({ after: START, last: null });
  await filled;
});

it('is over when the journal is read from an earlier place: no window onto both', async () => {
  const { window, filled, push } = fed();
  const { handed, following } = follower(window, { after: START, last: null }, never);
  push(stored(2), stored(3), stored(3, 2));
  expect(await following).toEqual({ after: START, last: stored(3) });
  expect(handed).toEqual([2, 3]);
  await filled;
});

it('takes nobody in who needs what it has let go', async () => {
  const { window, filled, push } = fed();
  const { handed, following } = follower(window, { after: START, last: null }, never);
  push(...Array.from({ length: 40 }, (_, index) => stored(index + 2)));
  await until(() => handed.length === 40, { describe: 'all records' });
  // Ten records of 100 bytes are kept: 32 to 41.
  const at = (revision: number): Place => ({ after: { generation: 1, revision }, last: null });
  expect([1, 20, 30, 31, 41].map((revision) => window.covers(at(revision)))).toEqual([false, false, false, true, true]);
  const late = follower(window, at(31), never);
  await until(() => late.handed.length === 10, { describe: 'what is kept' });
  expect(late.handed[0]).toBe(32);
  push(stored(42), stored(42));
  await Promise.all([following, late.following, filled]);
});
