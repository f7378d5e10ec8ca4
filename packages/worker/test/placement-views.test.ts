import { Bell, type Claim, type LiveNode, type Ownership, type OwnershipView, silentLogger } from '@tidemark/core';
import { until } from '@tidemark/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Placement, preferredOwner } from '../src/index.js';
import { nextStep, type Situation } from '../src/placement/next-step.js';

const HOUR_MS = 3_600_000;

let now: number;
let views: OwnershipView[];
let shown: Bell;
let claims: number;
let released: number;
let stop: AbortController;
let placement: Placement;

beforeEach(() => {
  [now, views, claims, released] = [0, [], 0, 0];
  [shown, stop] = [new Bell(), new AbortController()];
  const clock = { monotonic: () => now, wall: () => now };
  const patience = { graceMs: HOUR_MS, steadyMs: 0 };
  placement = new Placement({ node: 'a', ownership, patience, logger: silentLogger, clock });
  void placement.run(stop.signal);
});

afterEach(() => stop.abort());

const ownership: Ownership = {
  async *follow(signal) {
    while (!signal.aborted) {
      const view = views.shift();
      if (view !== undefined) yield view;
      else await shown.wait(signal);
    }
  },
  async claim(): Promise<Claim | null> {
    if (++claims > 1) return null;
    const { signal } = new AbortController();
    const nothing = () => undefined;
    const release = async () => {
      released++;
      return true;
    };
    return { token: 2, signal, lose: nothing, assertHeld: nothing, prove: async () => undefined, release };
  },
};

function node(id: string, more: Partial<LiveNode> = {}): LiveNode {
  return { id, roles: ['worker'], registration: '1', ...more };
}

function show(view: Partial<OwnershipView> & { readonly revision: number }): void {
  views.push({ history: 0, nodes: [], owners: new Map(), ...view });
  shown.ring();
}

async function turns(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
}

describe('what is seen of nodes and owners', () => {
  it('never goes back: an older answer may come later', async () => {
    show({ revision: 5, nodes: [node('a'), node('b')] });
    show({ revision: 4, nodes: [node('a')] });
    await turns();
    expect(placement.view?.revision).toBe(5);
    expect(placement.workers.map(({ id }) => id)).toEqual(['a', 'b']);
  });

  it('counts a node that registered again as new, also when it was never seen to be gone', async () => {
    show({ revision: 1, nodes: [node('a'), node('b')] });
    await turns();
    now = HOUR_MS;
    show({ revision: 2, nodes: [node('a'), node('b', { registration: '2' })] });
    await turns();
    expect(placement.workers).toEqual([
      { id: 'a', upForMs: HOUR_MS },
      { id: 'b', upForMs: 0 },
    ]);
  });

  it('reckons only with nodes that work for destinations', async () => {
    show({ revision: 1, nodes: [node('a'), node('b', { roles: ['leader'] })] });
    await turns();
    expect(placement.workers.map(({ id }) => id)).toEqual(['a']);
  });
});

it('an owner that has handed over does not take back what still seems to be its own', async () => {
  const names = Array.from({ length: 50 }, (_, index) => `destination-${index}`);
  const destination = names.find((name) => preferredOwner(name, ['a', 'b']) === 'b') ?? '';
  const leading = placement.elector(destination).lead(async ({ signal }) => {
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  }, stop.signal);
  show({ revision: 1, nodes: [node('a')] });
  await until(() => claims === 1, { everyMs: 1, describe: 'the claim' });
  show({ revision: 3, nodes: [node('a'), node('b')], owners: new Map([[destination, { node: 'a', token: 2 }]]) });
  await until(() => released === 1, { everyMs: 1, describe: 'the hand-over' });
  await turns();
  expect(claims).toBe(1);
  stop.abort();
  await leading;
});

describe('a node', () => {
  const patience = { graceMs: 1_000, steadyMs: 1_000 };
  const up = (id: string) => ({ id, upForMs: HOUR_MS });
  const situation: Situation = {
    ...{ destination: 'd', self: 'a', nodes: [up('a')], owner: null },
    ...{ ownerlessForMs: HOUR_MS, held: null, leftToUs: 0 },
  };

  it('that is not on the list of nodes claims nothing', () => {
    expect(nextStep({ ...situation, nodes: [up('b')] }, patience)).toEqual({ kind: 'wait', ms: null });
    expect(nextStep({ ...situation, nodes: [] }, patience)).toEqual({ kind: 'wait', ms: null });
  });

  it('claims what a claim of its own has taken, whose answer was lost', () => {
    expect(nextStep({ ...situation, owner: 'a' }, patience)).toMatchObject({ kind: 'claim' });
    expect(nextStep({ ...situation, owner: 'b' }, patience)).toEqual({ kind: 'wait', ms: null });
  });

  it('that is off the list keeps what it has: the others may see another list', () => {
    const held = { forMs: HOUR_MS };
    expect(nextStep({ ...situation, nodes: [up('b')], owner: 'a', held }, patience)).toMatchObject({ kind: 'wait' });
  });
});
