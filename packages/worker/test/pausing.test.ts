import { aborted, silentLogger } from '@tidemark/core';
import { never } from '@tidemark/testing';
import { expect, it } from 'vitest';
import type { Outcome } from '../src/owner/memory.js';
import { Pausing, type PausingOptions } from '../src/owner/pausing.js';

const destination = { checkpoint: async () => null };

it('a pause that ends at the moment at which it is reached was never reported, and is not resumed from', async () => {
  const reported: string[] = [];
  const controls = {
    pause: { by: 'sre@host', at: 'now' } as { by: string; at: string } | null,
    isQuiesced: false,
    changed: aborted,
  };
  const writer = {
    isInDoubt: false,
    fenceOffAll: async () => {
      controls.pause = null;
    },
  };
  const options = {
    ...{ name: 'codfw', logger: silentLogger, controls, writer, destination },
    report: ({ kind }: Outcome) => reported.push(kind),
  };
  await new Pausing(options as unknown as PausingOptions).keep(never);
  expect(reported).toEqual([]);
});

it('a note that nothing is under way is not believed by an owner who knows better', async () => {
  const stop = new AbortController();
  let fencedOff = false;
  const controls = {
    pause: { by: 'sre@host', at: 'now' },
    isQuiesced: true,
    changed: aborted,
  };
  const writer = {
    isInDoubt: true,
    fenceOffAll: async () => {
      fencedOff = true;
    },
  };
  const reported: [string, boolean][] = [];
  const options = {
    ...{ name: 'codfw', logger: silentLogger, controls, writer, destination },
    report: ({ kind }: Outcome) => {
      reported.push([kind, fencedOff]);
      if (kind === 'paused') stop.abort();
    },
  };
  await new Pausing(options as unknown as PausingOptions).keep(stop.signal);
  expect(reported).toContainEqual(['paused', true]);
  expect(reported).not.toContainEqual(['paused', false]);
});
