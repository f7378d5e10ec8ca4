import type { ApplyRequest, Checkpoint } from '@tidemark/core';
import { checkpointAt } from '@tidemark/testing';
import { expect, it } from 'vitest';
import { ResyncGuard } from '../src/redis/resync-guard.js';

const position = { generation: 1, revision: 5 };
const arrived = checkpointAt(position.revision);
const mark: Checkpoint = { ...arrived, resync: { snapshot: 's', target: position, attempt: 1 } };
const closed: Checkpoint = { ...mark, fence: { offJournal: 0, fencedOff: 1 } };
const put = { kind: 'put', key: Buffer.from('a'), value: Buffer.from('1') } as const;

const next: Checkpoint = { ...mark, resync: { snapshot: 's', target: position, attempt: 2 } };
const setting: ApplyRequest = { writes: [], expected: null, next: mark };
const writing: ApplyRequest = { writes: [put], expected: mark, next: mark };
const closing: ApplyRequest = { writes: [], expected: mark, next: closed };

/** A mark was set in the first run of the server. */
function marked(): ResyncGuard {
  const guard = new ResyncGuard();
  guard.reached(setting, 'first');
  return guard;
}

it('nothing is written under a mark, and nothing arrives, in another run than the one that set it', () => {
  const guard = marked();
  expect(guard.allows(writing, 'first')).toBe(true);
  expect(guard.allows(writing, 'second')).toBe(false);
  expect(guard.allows({ writes: [], expected: mark, next: arrived }, 'second')).toBe(false);
});

it('what is in doubt can be fenced off in any run, which makes no other write possible there', () => {
  const guard = marked();
  expect(guard.allows(closing, 'second')).toBe(true);
  guard.reached(closing, 'second');
  expect(guard.allows({ writes: [put], expected: closed, next: closed }, 'second')).toBe(false);
  expect(guard.allows({ writes: [], expected: closed, next: arrived }, 'second')).toBe(false);
});

it('a checkpoint with writes is no shutting out, whatever its fence', () => {
  expect(marked().allows({ ...closing, writes: [put] }, 'second')).toBe(false);
});

it('a mark upon another counts for the run that its own resync has seen, whoever looked at which run since', () => {
  const guard = marked();
  const again: ApplyRequest = { writes: [], expected: mark, next, viewedRun: 'first' };
  expect(guard.allows(again, 'first')).toBe(true);
  expect(guard.allows(again, 'second')).toBe(false);
  expect(guard.allows({ ...again, viewedRun: 'second' }, 'second')).toBe(true);
  expect(guard.allows({ writes: [], expected: mark, next }, 'second')).toBe(false);
});
