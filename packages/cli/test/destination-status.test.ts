import { createMetrics } from '@tidemark/core';
import { expect, it, vi } from 'vitest';
import { DestinationStatus } from '../src/daemon/destination-status.js';

const SECOND = 1_000;

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

it('has failed since the first attempt that failed, until it gets further', () => {
  vi.useFakeTimers({ toFake: ['Date'], now: 0 });
  try {
    const status = statusOf({ revision: 9, time: 0 });
    const passes = (seconds: number) => vi.setSystemTime(Date.now() + seconds * SECOND);
    const sinceSeconds = () => Date.parse(status.report.since) / SECOND;
    passes(10);
    status.state('failed', 'too large');
    for (let attempt = 0; attempt < 3; attempt++) {
      passes(10);
      status.state('bootstrapping', 'comparing');
      expect(sinceSeconds()).toBe(Date.now() / SECOND);
      status.state('failed', 'too large');
      expect(sinceSeconds()).toBe(10);
    }
    // Another trouble, and the same one behind something that was applied, are new.
    status.state('bootstrapping', 'comparing');
    status.state('backing_off', 'no space');
    expect(sinceSeconds()).toBe(40);
    passes(10);
    status.state('streaming', null);
    status.reached({ generation: 1, revision: 3 }, 0);
    status.state('backing_off', 'no space');
    expect(sinceSeconds()).toBe(50);
  } finally {
    vi.useRealTimers();
  }
});

it('fails anew when it has been streaming since, although there was nothing to apply', () => {
  vi.useFakeTimers({ toFake: ['Date'], now: 0 });
  try {
    const status = statusOf({ revision: 9, time: 0 });
    status.state('backing_off', 'refused');
    status.state('streaming', null);
    vi.setSystemTime(3_600 * SECOND);
    status.state('backing_off', 'refused');
    expect(Date.parse(status.report.since)).toBe(3_600 * SECOND);
  } finally {
    vi.useRealTimers();
  }
});
