import { setMaxListeners } from 'node:events';
import { aborted, silentLogger } from '@tidemark/core';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Placement, patienceOf, preferredOwner } from '../src/index.js';
import { MemoryCoordination } from './support/memory-ownership.js';

const NAMES = Array.from({ length: 50 }, (_, index) => `destination-${index}`);
const patience = patienceOf(10_000);
const { graceMs, steadyMs } = patience;

let coordination: MemoryCoordination;
const nodes = new Map<string, SimulatedNode>();

/** The ownerships of one node, in this process. */
class SimulatedNode {
  private readonly stop = new AbortController();
  readonly working = new Set<string>();

  constructor(
    readonly id: string,
    names: readonly string[] = NAMES,
  ) {
    setMaxListeners(0, this.stop.signal);
    nodes.set(id, this);
    coordination.join(id);
    const ownership = coordination.as(id);
    const placement = new Placement({ node: id, ownership, patience, logger: silentLogger });
    void placement.run(this.stop.signal);
    for (const name of names)
      void placement.elector(name).lead(({ signal }) => this.work(name, signal), this.stop.signal);
  }

  end(): void {
    nodes.delete(this.id);
    this.stop.abort();
  }

  private async work(name: string, signal: AbortSignal): Promise<void> {
    const others = [...nodes.values()].filter((node) => node.working.has(name));
    expect(others).toEqual([]);
    this.working.add(name);
    await aborted(signal);
    this.working.delete(name);
  }
}

function owners(): Record<string, string | null> {
  return Object.fromEntries(NAMES.map((name) => [name, coordination.ownerOf(name)]));
}

function preferred(...on: readonly string[]): Record<string, string | null> {
  return Object.fromEntries(NAMES.map((name) => [name, preferredOwner(name, on)]));
}

/** Lets the time pass, milliseconds. */
async function pass(ms: number): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms);
}

beforeEach(() => {
  vi.useFakeTimers();
  coordination = new MemoryCoordination();
});

afterEach(() => {
  for (const node of [...nodes.values()]) node.end();
  vi.useRealTimers();
});

describe('the ownerships of three nodes', () => {
  it('are taken at once by the first node, and handed over when the others have been up long enough', async () => {
    new SimulatedNode('a');
    await pass(0);
    expect(owners()).toEqual(preferred('a'));
    new SimulatedNode('b');
    new SimulatedNode('c');
    await pass(steadyMs - 1);
    expect(owners()).toEqual(preferred('a'));
    // All of it within one millisecond: who is better claims as soon as the key is gone.
    await pass(1);
    expect(owners()).toEqual(preferred('a', 'b', 'c'));
    expect([...nodes.values()].every(({ working }) => working.size > 0)).toBe(true);
  });

  it('go to the next best at once when a node dies, and nothing else moves', async () => {
    for (const id of ['a', 'b', 'c']) new SimulatedNode(id);
    await pass(steadyMs);
    const before = owners();
    nodes.get('b')?.end();
    coordination.expire('b');
    await pass(0);
    expect(owners()).toEqual(preferred('a', 'c'));
    for (const name of NAMES) if (before[name] !== 'b') expect(coordination.ownerOf(name)).toBe(before[name]);
  });

  it('stay where they are while a node restarts in a loop', async () => {
    for (const id of ['a', 'b']) new SimulatedNode(id);
    await pass(steadyMs);
    const before = owners();
    const moves = coordination.history.length;
    for (let round = 0; round < 20; round++) {
      const node = new SimulatedNode('c');
      await pass(steadyMs - 1);
      node.end();
      coordination.expire('c');
      await pass(1_000);
    }
    expect(owners()).toEqual(before);
    expect(coordination.history).toHaveLength(moves);
  });
});

describe('a preferred node that is registered and does not work', () => {
  const name = NAMES.find((each) => preferredOwner(each, ['idle', 'a', 'b']) === 'idle') ?? '';

  it('leaves nothing without an owner for longer than the grace', async () => {
    coordination.join('idle');
    for (const id of ['a', 'b']) new SimulatedNode(id);
    await pass(graceMs - 1);
    expect(coordination.ownerOf(name)).toBeNull();
    await pass(1);
    expect(coordination.ownerOf(name)).toBe(preferredOwner(name, ['a', 'b']));
  });

  it('is offered its destinations ever more rarely', async () => {
    coordination.join('idle');
    for (const id of ['a', 'b']) new SimulatedNode(id);
    await pass(24 * 3_600_000);
    const offers = coordination.history.filter((change) => change === `${name}:-`).length;
    // 30 s doubled seven times is an hour and four minutes: seven offers in the first hour, then one in each.
    expect(offers).toBeGreaterThan(7);
    expect(offers).toBeLessThan(7 + 24);
    expect(coordination.ownerOf(name)).toBe(preferredOwner(name, ['a', 'b']));
  });

  it('gets them as soon as it works', async () => {
    coordination.join('idle');
    for (const id of ['a', 'b']) new SimulatedNode(id);
    await pass(10 * steadyMs);
    new SimulatedNode('idle');
    await pass(20 * steadyMs);
    expect(owners()).toEqual(preferred('idle', 'a', 'b'));
  });
});

describe('an owner', () => {
  it('keeps what it has while the coordination etcd is away, however good another node is', async () => {
    new SimulatedNode('a');
    await pass(0);
    new SimulatedNode('b');
    await pass(steadyMs - 1);
    coordination.away = true;
    await pass(10 * steadyMs);
    expect(nodes.get('a')?.working.size).toBe(NAMES.length);
    coordination.away = false;
    await pass(steadyMs);
    expect(owners()).toEqual(preferred('a', 'b'));
  });

  it('stops, and claims again, when somebody deletes its key', async () => {
    new SimulatedNode('a', ['codfw']);
    await pass(0);
    coordination.deleteOwner('codfw');
    await pass(0);
    expect(coordination.history).toEqual(['codfw:a', 'codfw:-', 'codfw:a']);
    expect([...(nodes.get('a')?.working ?? [])]).toEqual(['codfw']);
  });
});

describe('a coordination etcd that is set back to a backup', () => {
  it('gives destinations back to who owned them then, and what has moved since moves again', async () => {
    const a = new SimulatedNode('a');
    await pass(0);
    const setBack = coordination.backup();
    const b = new SimulatedNode('b');
    await pass(steadyMs);
    expect(owners()).toEqual(preferred('a', 'b'));
    expect(b.working.size).toBeGreaterThan(0);
    setBack();
    await pass(1_000);
    expect(owners()).toEqual(preferred('a'));
    expect(a.working.size).toBe(NAMES.length);
    expect(b.working.size).toBe(0);
    coordination.join('b');
    await pass(steadyMs);
    expect(owners()).toEqual(preferred('a', 'b'));
    expect(a.working.size + b.working.size).toBe(NAMES.length);
  });

  it('ends a claim that was made since, and the destination is claimed again', async () => {
    coordination.join('a');
    const setBack = coordination.backup();
    const a = new SimulatedNode('a', ['codfw']);
    await pass(0);
    expect(coordination.history).toEqual(['codfw:a']);
    setBack();
    await pass(0);
    expect(coordination.history).toEqual(['codfw:a', 'codfw:a']);
    expect([...a.working]).toEqual(['codfw']);
  });

  it('leaves alone a claim that is older than the backup', async () => {
    const a = new SimulatedNode('a', ['codfw']);
    await pass(0);
    const setBack = coordination.backup();
    coordination.join('c');
    setBack();
    await pass(0);
    expect(coordination.history).toEqual(['codfw:a']);
    expect([...a.working]).toEqual(['codfw']);
  });
});
