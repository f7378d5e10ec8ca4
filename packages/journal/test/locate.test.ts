import { expect, it } from 'vitest';
import type { MessageSource } from '../src/ends.js';
import { locate } from '../src/locate.js';

/** A journal of 1,000 messages, one for each revision; counts how many were fetched. */
function journal() {
  const headers = { kind: 'batch', generation: 1, term: 1, part: 0, parts: 1, crc32: 0 } as const;
  let looks = 0;
  const source: MessageSource = {
    async message(sequence) {
      looks++;
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
