import { getEventListeners } from 'node:events';
import { expect, it } from 'vitest';
import { aborted, Scope } from '../src/index.js';

it('aborts with any of the signals around it, for the same reason', () => {
  const [one, other] = [new AbortController(), new AbortController()];
  const scope = new Scope(one.signal, other.signal);
  expect(scope.signal.aborted).toBe(false);
  other.abort('enough');
  expect(scope.signal).toMatchObject({ aborted: true, reason: 'enough' });
  scope.end();
});

it('is over from the beginning within one that has aborted', () => {
  const scope = new Scope(new AbortController().signal, AbortSignal.abort('too late'));
  expect(scope.signal).toMatchObject({ aborted: true, reason: 'too late' });
  scope.end();
});

it('ends without a trace on the signals around it, and leaves them as they are', () => {
  const [one, other] = [new AbortController(), new AbortController()];
  const scope = new Scope(one.signal, other.signal);
  scope.end();
  expect(scope.signal.aborted).toBe(true);
  for (const { signal } of [one, other]) {
    expect(signal.aborted).toBe(false);
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  }
});

it('ends by itself when its time is over', async () => {
  const { signal } = new AbortController();
  await aborted(Scope.within(1, signal).signal);
  expect(getEventListeners(signal, 'abort')).toHaveLength(0);
});
