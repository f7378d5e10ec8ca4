import { silentLogger } from '@tidemark/core';
import { expect, it } from 'vitest';
import { Standstill, type StandstillOptions } from '../src/control/standstill.js';

it('a pause that ends at the moment at which it is reached was never told, and is not resumed from', async () => {
  const told: string[] = [];
  const controls = {
    pause: { by: 'sre@host', at: 'now' } as { by: string; at: string } | null,
    isStill: false,
    changed: (signal: AbortSignal) =>
      new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true })),
  };
  const destination = {
    isUncertain: false,
    settleAll: async () => {
      controls.pause = null;
    },
  };
  const options = {
    ...{ name: 'codfw', logger: silentLogger, controls, destination },
    enter: (event: string) => told.push(event),
  };
  await new Standstill(options as unknown as StandstillOptions).keep(new AbortController().signal);
  expect(told).toEqual([]);
});
