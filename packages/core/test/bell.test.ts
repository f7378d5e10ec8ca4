import { getEventListeners } from 'node:events';
import { expect, it } from 'vitest';
import { Bell } from '../src/index.js';

it('wakes all that wait, and nobody who waits afterwards', async () => {
  const bell = new Bell();
  const woken: string[] = [];
  const first = bell.wait().then(() => woken.push('first'));
  const second = bell.wait().then(() => woken.push('second'));
  expect(bell.awaited).toBe(true);
  bell.ring();
  expect(bell.awaited).toBe(false);
  void bell.wait().then(() => woken.push('too late'));
  await Promise.all([first, second]);
  expect(woken).toEqual(['first', 'second']);
  expect(bell.awaited).toBe(true);
});

it('wakes one whose signal aborts, and lets the others wait', async () => {
  const bell = new Bell();
  const giving = new AbortController();
  const patient = bell.wait();
  const impatient = bell.wait(giving.signal);
  giving.abort();
  await impatient;
  expect(bell.awaited).toBe(true);
  bell.ring();
  await patient;
  expect(bell.awaited).toBe(false);
});

it('does not wait at all with a signal that has aborted', async () => {
  const bell = new Bell();
  await bell.wait(AbortSignal.abort());
  expect(bell.awaited).toBe(false);
});

it('leaves no listener on a signal that lives on', async () => {
  const bell = new Bell();
  const { signal } = new AbortController();
  const waits = [bell.wait(signal), bell.wait(signal)];
  expect(getEventListeners(signal, 'abort')).toHaveLength(2);
  bell.ring();
  await Promise.all(waits);
  expect(getEventListeners(signal, 'abort')).toHaveLength(0);
});
