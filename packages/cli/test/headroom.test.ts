import { describe, expect, it } from 'vitest';
import { journalHeadroomSeconds, type Retention } from '../src/node/headroom.js';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const NOW = 1_000 * DAY;

/** Seven days at most, and filled to a thousandth in the first day. */
const young: Retention = { now: NOW, maxAgeMs: 7 * DAY, maxBytes: 1_000_000, bytes: 1_000, oldestTime: NOW - DAY };

describe('the headroom of a destination in the journal', () => {
  it('is the whole retention when the destination has caught up', () => {
    expect(journalHeadroomSeconds(NOW, young)).toBe((7 * DAY) / 1000);
  });

  it('shrinks with the age of what is not applied', () => {
    expect(journalHeadroomSeconds(NOW - 6 * DAY, { ...young, oldestTime: NOW - 7 * DAY })).toBe(DAY / 1000);
  });

  it('is bounded by size when the journal fills up before its time', () => {
    // Half full after an hour: another hour until it is full, and half an hour of records before the needed one.
    const busy = { ...young, bytes: 500_000, oldestTime: NOW - HOUR };
    expect(journalHeadroomSeconds(NOW - HOUR / 2, busy)).toBe((1.5 * HOUR) / 1000);
  });

  it('is what lies before the needed record when the journal is full', () => {
    const full = { ...young, bytes: 1_000_000, oldestTime: NOW - 2 * HOUR };
    expect(journalHeadroomSeconds(NOW - HOUR, full)).toBe(HOUR / 1000);
  });

  it('is zero, not negative, when the record is gone', () => {
    expect(journalHeadroomSeconds(NOW - 8 * DAY, young)).toBe(0);
  });
});
