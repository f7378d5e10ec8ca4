import { expect, it } from 'vitest';
import type { MessageSource } from '../src/chain/ends.js';
import { locate } from '../src/chain/locate.js';

/** A journal of 1,000 messages, one for each revision, some of which are missing; counts how many were fetched. */
function journal(missing: readonly number[] = []) {
  const headers = { kind: 'batch', generation: 1, term: 1, part: 0, parts: 1, crc32: 0 } as const;
  let looks = 0;
  const source: MessageSource = {
    async message(sequence) {
      looks++;
      if (missing.includes(sequence)) return null;
      return { sequence, headers: { ...headers, first: sequence, last: sequence }, payload: Buffer.alloc(0), bytes: 0 };
    },
  };
  const find = (near?: number) =>
    locate(
      source,
      { messages: 1000, firstSequence: 1, lastSequence: 1000 },
      { after: { generation: 1, revision: 700 }, ...(near !== undefined && { near }) },
    );
  return { find, looks: () => looks };
}

it('who knows where its last record was needs two looks', async () => {
  const { find, looks } = journal();
  expect((await find(700))?.next).toBe(701);
  expect(looks()).toBe(2);
});

it.each([undefined, 0, 1, 699, 701, 990, 1000, 5000])('a place is found whatever the hint: %s', async (near) => {
  expect((await journal().find(near))?.next).toBe(701);
});

it.each([
  ['at the place', [701], 702],
  ['before it', [700], 701],
  ['where the search begins', [500, 501, 502], 701],
  ['everywhere but at the place', [250, 500, 625, 688, 699, 703, 750], 701],
  ['on both sides', [700, 701, 702], 703],
])('a place is found although messages are missing %s', async (_, missing, place) => {
  for (const near of [undefined, 500, 700, 701]) expect((await journal(missing).find(near))?.next).toBe(place);
});

it('where more is missing than a gap, somebody has to look again: retention was there', async () => {
  expect(await journal(Array.from({ length: 600 }, (_, index) => index + 1)).find()).toBeNull();
});
