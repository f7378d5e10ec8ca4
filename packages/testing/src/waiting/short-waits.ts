import { createRequire, syncBuiltinESMExports } from 'node:module';
import type { setTimeout as delay } from 'node:timers/promises';

/** Order among waits stays as it is, and nobody waits for a back-off. */
const SHORTER = 100;

/**
 * Back-off and schedules take a hundredth of their time in this test file; for `beforeAll`, which calls the returned
 * function at the end. Timers by callback, `setTimeout(f)`, are left alone.
 */
export function shortWaits(): () => void {
  const timers = createRequire(import.meta.url)('node:timers/promises') as { setTimeout: typeof delay };
  const original = timers.setTimeout;
  timers.setTimeout = (ms, value, options) => original((ms ?? 0) / SHORTER, value, options);
  syncBuiltinESMExports();
  return () => {
    timers.setTimeout = original;
    syncBuiltinESMExports();
  };
}
