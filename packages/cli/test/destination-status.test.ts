import { createMetrics, type Hold } from '@tidemark/core';
import { expect, it } from 'vitest';
import { DestinationStatus } from '../src/node/destination-status.js';

const SECOND = 1_000;
const NO_JOURNAL = { end: null, retention: null };

/** Of a destination of a journal whose last record has this revision and was written at this time. */
function statusOf(journal: { revision: number; time: number }): DestinationStatus {
  const end = { position: { generation: 1, revision: journal.revision }, time: journal.time };
  const identity = { name: 'codfw', kind: 'etcd', owner: 'conf1' };
  return new DestinationStatus(identity, createMetrics('eqiad'), { end, retention: null });
}

it('has no lag when the last change was applied, however long ago that was', () => {
  const time = Date.now() - 60 * SECOND;
  const status = statusOf({ revision: 2, time });
  status.waiting(time);
  status.reached({ generation: 1, revision: 2 }, time);
  expect(status.report).toMatchObject({ lagRevisions: 0, lagSeconds: 0 });
});

it('lags by the age of what it has read and not applied, also while the source goes on writing', () => {
  const now = Date.now();
  // The journal goes on; what a held destination lacks is from a minute ago.
  const status = statusOf({ revision: 4, time: now - SECOND });
  status.waiting(now - 61 * SECOND);
  status.waiting(now - 60 * SECOND);
  status.reached({ generation: 1, revision: 2 }, now - 61 * SECOND);
  expect(status.report.lagRevisions).toBe(2);
  expect(status.report.lagSeconds).toBeGreaterThanOrEqual(60);
});

it('lags from the same moment when both were journaled in one millisecond', () => {
  const time = Date.now() - 60 * SECOND;
  const status = statusOf({ revision: 4, time: Date.now() - SECOND });
  status.waiting(time);
  status.waiting(time);
  status.reached({ generation: 1, revision: 2 }, time);
  expect(status.report.lagSeconds).toBeGreaterThanOrEqual(60);
});

it('shows what its worker reports, and counts a hold once', async () => {
  const metrics = createMetrics('eqiad');
  const status = new DestinationStatus({ name: 'codfw', kind: 'etcd', owner: 'conf1' }, metrics, NO_JOURNAL);
  const hold: Hold = { id: 'h', brake: 'deletes', evidence: 'Many.', upTo: null, deletes: 9, since: 'then' };
  const held = { state: 'held', reason: 'Many.', hold, since: 'then' } as const;
  status.condition(held);
  status.condition(held);
  expect(status.report).toMatchObject(held);
  status.condition({ ...held, hold: { ...hold, id: 'another' } });
  const text = await metrics.registry.metrics();
  expect(text).toMatch(/tidemark_brake_holds_total\{.*brake="deletes".*\} 2/);
  expect(text).toMatch(/tidemark_destination_state\{.*state="held".*\} 1/);
  expect(text).toMatch(/tidemark_destination_state\{.*state="starting".*\} 0/);
});
