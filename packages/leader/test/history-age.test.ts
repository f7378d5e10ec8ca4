import type { BatchRecord } from '@tidemark/core';
import { MemorySource, shortWaits } from '@tidemark/testing';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { LeaderNode, Shared } from './support/leader-node.js';

beforeAll(shortWaits);

let source: MemorySource;
let shared: Shared;
const nodes: LeaderNode[] = [];

beforeEach(() => {
  source = new MemorySource();
  shared = new Shared(source);
});

afterEach(async () => {
  for (const node of nodes.splice(0)) await node.stop();
});

async function lead(token: number): Promise<LeaderNode> {
  const node = new LeaderNode(shared);
  nodes.push(node);
  node.elector.elect(token);
  return node;
}

async function batches(): Promise<BatchRecord[]> {
  return (await shared.records()).filter((record) => record.kind === 'batch');
}

describe('how old an entry may be', () => {
  it('is known of one that is journaled as it happens', async () => {
    const node = await lead(1);
    await node.reaches(1);
    source.put('/a', '1');
    await node.reaches(2);
    expect((await batches()).map(({ notBefore }) => notBefore)).toEqual([null]);
  });

  it('is bounded by the record before it when a leader reads it from history', async () => {
    const first = await lead(1);
    await first.reaches(1);
    source.put('/a', 'live');
    await first.reaches(2);
    await first.stop();
    const last = (await shared.records()).at(-1);
    source.put('/a', 'while nobody led');
    const second = await lead(2);
    await second.reaches(3);
    expect((await batches()).at(-1)?.notBefore).toBe(last?.time);
    // From here on it is live again.
    source.put('/a', 'live');
    await second.reaches(4);
    expect((await batches()).at(-1)?.notBefore).toBeNull();
  });

  it('is bounded more closely by when this node saw the source without it', async () => {
    const first = await lead(1);
    await first.reaches(1);
    await first.stop();
    const second = new LeaderNode(shared);
    nodes.push(second);
    const seenAt = Date.now() + 60_000;
    second.sightings.saw(1, seenAt);
    source.put('/a', 'after that');
    second.elector.elect(2);
    await second.reaches(2);
    expect((await batches()).at(-1)?.notBefore).toBe(seenAt);
  });
});
