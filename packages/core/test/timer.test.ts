import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Bell, gather, Scope, sleep } from '../src/index.js';

const DAY_MS = 86_400_000;
/** Node.js fires a timer of more than 24.8 days at once. */
const LONG_MS = 30 * DAY_MS;

it('sleeps for more than 24.8 days when asked to', async () => {
  const stop = new AbortController();
  const long = sleep(LONG_MS, stop.signal).then(() => 'the long one');
  const short = sleep(20, stop.signal).then(() => 'the short one');
  expect(await Promise.race([long, short])).toBe('the short one');
  stop.abort();
  await long;
});

describe('with a clock that is moved', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('ends a scope of 30 days after exactly these', () => {
    const scope = Scope.within(LONG_MS);
    vi.advanceTimersByTime(LONG_MS - 1);
    expect(scope.signal.aborted).toBe(false);
    vi.advanceTimersByTime(1);
    expect(scope.signal.aborted).toBe(true);
  });

  it('never fires the timer of a scope that was ended before, whatever slice of it ran', () => {
    const scope = Scope.within(LONG_MS);
    vi.advanceTimersByTime(LONG_MS - DAY_MS);
    scope.end();
    expect(vi.getTimerCount()).toBe(0);
  });

  it('hands out an empty group when something is due after 30 days, and no earlier', async () => {
    const end = new Bell();
    const groups = gather<never, never>(
      async function* nothing(signal) {
        await end.wait(signal);
        yield* [];
      },
      { maxGroupBytes: 1, maxQueuedBytes: 1, itemsOf: () => [], sizeOf: () => 1, dueInMs: () => LONG_MS },
    );
    const seen: number[] = [];
    const first = groups.next().then(({ value }) => seen.push(value?.items.length ?? -1));
    await vi.advanceTimersByTimeAsync(LONG_MS - 1);
    expect(seen).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    await first;
    expect(seen).toEqual([0]);
    await groups.return(undefined);
  });
});
