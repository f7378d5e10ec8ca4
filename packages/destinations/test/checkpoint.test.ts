import type { Checkpoint } from '@tidemark/core';
import { expect, it } from 'vitest';
import { decodeCheckpoint, encodeCheckpoint } from '../src/checkpoint/codec.js';

/** As it is before the first resync. */
const WITHOUT_FENCE =
  '{"journal":"j","position":{"generation":1,"revision":5},"filter":"f","resync":null,"partial":{"revision":6,"writes":3}}';

it('reads a checkpoint without a fence, and makes the very same bytes of it', () => {
  const checkpoint = decodeCheckpoint(Buffer.from(WITHOUT_FENCE));
  expect(checkpoint).toMatchObject({ position: { generation: 1, revision: 5 }, fence: null });
  expect(encodeCheckpoint(checkpoint).toString()).toBe(WITHOUT_FENCE);
});

it('makes equal bytes of equal checkpoints, whatever the order of their fields', () => {
  const fence = { fencedOff: 2, offJournal: 7 };
  const checkpoint: Checkpoint = { ...decodeCheckpoint(Buffer.from(WITHOUT_FENCE)), fence };
  const bytes = encodeCheckpoint(checkpoint);
  expect(bytes.toString()).toContain('"fence":{"offJournal":7,"fencedOff":2}');
  expect(decodeCheckpoint(bytes)).toEqual(checkpoint);
  expect(encodeCheckpoint(decodeCheckpoint(bytes))).toEqual(bytes);
});

it.each(['{"offJournal":-1,"fencedOff":0}', '{"offJournal":1}', '7', 'null'])(
  'refuses a fence that is none: %s',
  (fence) => {
    const text = WITHOUT_FENCE.replace(/}$/, `,"fence":${fence}}`);
    expect(() => decodeCheckpoint(Buffer.from(text))).toThrow(/something else/);
  },
);
