import { expect, it } from 'vitest';
import { CatchUpDetector } from '../src/apply/catch-up.js';

it('catching up lasts while what happened long ago is applied, and over a moment after the last of it', () => {
  const clock = { now: 100_000, monotonic: () => clock.now, wall: () => clock.now };
  const rush = new CatchUpDetector(1_000, clock);
  expect(rush.isOn).toBe(false);
  rush.reached(clock.now - 60_000);
  expect(rush.isOn).toBe(true);
  clock.now += 600;
  expect(rush.isOn).toBe(false);
  // The delay is no backlog.
  rush.reached(clock.now - 1_500);
  expect(rush.isOn).toBe(false);
});
