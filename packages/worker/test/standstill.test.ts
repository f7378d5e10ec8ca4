import { aborted, silentLogger } from '@tidemark/core';
import { expect, it } from 'vitest';
import { Standstill, type StandstillOptions } from '../src/control/standstill.js';

it('a pause that ends at the moment at which it is reached was never told, and is not resumed from', async () => {
  const told: string[] = [];
  const controls = {
    pause: { by: 'sre@host', at: 'now' } as { by: string; at: string } | null,
    isStill: false,
    changed: aborted,
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

it('a note that nothing is under way is not believed by an owner who knows better', async () => {
  const stop = new AbortController();
  let shutOut = false;
  const controls = {
    pause: { by: 'sre@host', at: 'now' },
    isStill: true,
    changed: aborted,
  };
  const destination = {
    isUncertain: true,
    settleAll: async () => {
      shutOut = true;
    },
    checkpoint: async () => null,
  };
  const told: [string, boolean][] = [];
  const options = {
    ...{ name: 'codfw', logger: silentLogger, controls, destination },
    enter: (event: string) => {
      told.push([event, shutOut]);
      if (event === 'pause') stop.abort();
    },
  };
  await new Standstill(options as unknown as StandstillOptions).keep(stop.signal);
  expect(told).toContainEqual(['pause', true]);
  expect(told).not.toContainEqual(['pause', false]);
});
