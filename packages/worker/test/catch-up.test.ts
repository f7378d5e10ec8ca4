import { expect, it } from 'vitest';
import { CatchUpDetector } from '../src/apply/catch-up.js';

it('catching up lasts while what happened long ago is applied, and over a moment after the last of it', () => {
  const clock = { now: 100_000, monotonic: () => clock.now, wall: () => clock.now };
  const detector = new CatchUpDetector(1_000, clock);
  expect(detector.isOn).toBe(false);
  detector.reached(clock.now - 60_000);
  expect(detector.isOn).toBe(true);
  clock.now += 600;
  expect(detector.isOn).toBe(false);
  // The delay is no backlog.
  detector.reached(clock.now - 1_500);
  expect(detector.isOn).toBe(false);
});
