import type { JournalReader, Position } from '@tidemark/core';
import { beforeEach, describe, expect, it } from 'vitest';
import { reportBacklog } from '../src/apply/backlog.js';
import { survey } from '../src/brakes/survey.js';
import { Chronicle } from './support/chronicle.js';
import { filter } from './support/worker-node.js';

const never = new AbortController().signal;

let chronicle: Chronicle;
/** Loses the last three of its ten records as soon as it was asked where it ends. */
let journal: Pick<JournalReader, 'info' | 'read'>;

beforeEach(async () => {
  chronicle = new Chronicle();
  await chronicle.reset();
  for (let index = 0; index < 10; index++) chronicle.source.put(`/a/${index}`, 'x');
  await chronicle.catchUp(1);
  let isLost = false;
  journal = {
    read: (from, signal) => chronicle.journal.read(from, signal),
    info: async (signal) => {
      const info = await chronicle.journal.info(signal);
      if (!isLost) chronicle.stream.loseLast(3);
      isLost = true;
      return info;
    },
  };
});

const before = (revisions: number) => ({ generation: 1, revision: chronicle.source.revision - revisions });

describe('where the journal loses its end', () => {
  it('what waits is counted up to where it ends by now', async () => {
    expect(await survey({ journal: journal, after: before(5), filter }, never)).toMatchObject({
      changes: 2,
      upTo: before(3),
    });
  });

  it('nothing waits for a destination that has what was lost', async () => {
    const after = before(2);
    expect(await survey({ journal: journal, after, filter }, never)).toMatchObject({ changes: 0, upTo: after });
  });

  it('since when changes wait is not waited for', async () => {
    const info = await journal.info(never);
    const times: number[] = [];
    const observer = { waiting: (time: number) => times.push(time) };
    const found = (position: Position) =>
      ({ journal: info.id, position }) as Parameters<typeof reportBacklog>[1]['found'];
    await reportBacklog({ journal, observer }, { found: found(before(2)), info }, never);
    expect(times).toEqual([]);
    await reportBacklog({ journal, observer }, { found: found(before(5)), info }, never);
    expect(times).toHaveLength(1);
  });
});
