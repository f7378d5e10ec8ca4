import { leaderCandidates, Random, revokeLease, type SeenCandidate, type TidemarkNode, until } from '@tidemark/testing';
import { describe, expect, it } from 'vitest';
import { Stage } from './support/under-load.js';

const SEED = Number(process.env['TIDEMARK_SEED'] ?? 37127);
/** Altogether 200, half of them with leaders that nothing convinces that they were replaced. */
const ROUNDS = 100;
/** Shorter than the lease: nobody is replaced because of it alone. */
const SHORT_PAUSE_MS = 300;
/** Of so many rounds, one waits until the lease of the suspended leader has run out by itself. */
const OUTLIVED_EVERY = 20;
const CHANGES_OF_HANDS = 6;

const BELIEVERS = { TIDEMARK_FAULT: 'believe-in-leadership' };

/** The elected leader, and somebody who would be next. */
async function elected(stage: Stage): Promise<SeenCandidate> {
  return await until(
    async () => {
      const [first, second] = await leaderCandidates(stage.source);
      return second === undefined ? null : first;
    },
    { timeoutMs: 30_000, describe: 'a leader and another candidate' },
  );
}

async function believers(stage: Stage): Promise<TidemarkNode[]> {
  const terms = await Promise.all(stage.pipeline.nodes.map((node) => node.leadingTerm()));
  return stage.pipeline.nodes.filter((_, index) => terms[index] !== null);
}

/** For so long the fault lasts. */
async function lasting(ms: number): Promise<void> {
  const end = performance.now() + ms;
  await until(() => performance.now() >= end, { describe: 'the end of the fault', everyMs: 1 });
}

it(`three nodes that all believe to lead write one chain, and every effect is there once (seed ${SEED})`, async () => {
  await using stage = await Stage.build({ environment: BELIEVERS });
  const verdict = await stage.underLoad(SEED, async () => {
    // Who was elected never steps down, so with its lease gone the next one is elected beside it.
    for (let count = 1; count < stage.pipeline.nodes.length; count++) {
      await revokeLease(stage.source, await elected(stage));
      // The fault happened: so many say of themselves that they lead, at the same time.
      await until(async () => (await believers(stage)).length > count, { describe: `${count + 1} leaders` });
    }
    const terms = new Set<number>();
    await until(async () => terms.add(await stage.journalTerm()).size >= CHANGES_OF_HANDS, {
      timeoutMs: 120_000,
      describe: () => `${CHANGES_OF_HANDS} terms; seen ${[...terms].join(', ')}`,
    });
    expect(await stage.refusedAppends()).toBeGreaterThanOrEqual(CHANGES_OF_HANDS);
    expect(await believers(stage)).toHaveLength(3);
  });
  expect(verdict.terms.length).toBeGreaterThanOrEqual(CHANGES_OF_HANDS);
  expect(verdict.kinds).toMatchObject({ reset: 1 });
});

describe('a leader that is suspended under load and goes on', () => {
  /** Suspends the leader, and lets it go on once another one has written under a later term. */
  async function replaced(stage: Stage, takeAway: (leader: SeenCandidate) => Promise<void>): Promise<TidemarkNode> {
    const leader = await elected(stage);
    const node = stage.node(leader.node);
    await node.pause();
    try {
      const term = await stage.journalTerm();
      await takeAway(leader);
      await stage.termAfter(term);
    } finally {
      await node.resume();
    }
    return node;
  }

  async function suspended(stage: Stage, ms: number): Promise<void> {
    const [leader] = await leaderCandidates(stage.source);
    const node = stage.node(leader?.node ?? stage.pipeline.anyNode.id);
    await node.pause();
    await lasting(ms);
    await node.resume();
  }

  /** Returns how often a leader was replaced while it was suspended. */
  async function rounds(
    stage: Stage,
    random: Random,
    after: (replaced: TidemarkNode) => Promise<void>,
  ): Promise<number> {
    let replacements = 0;
    for (let round = 1; round <= ROUNDS; round++) {
      await lasting(random.below(100));
      if (round % OUTLIVED_EVERY === 0) {
        await after(await replaced(stage, async () => undefined));
        replacements++;
      } else if (random.chance(0.5)) {
        await after(await replaced(stage, (leader) => revokeLease(stage.source, leader)));
        replacements++;
      } else {
        await suspended(stage, random.below(SHORT_PAUSE_MS));
      }
    }
    return replacements;
  }

  it(`${ROUNDS} times, replaced meanwhile or not: one chain, terms never go back (seed ${SEED})`, async () => {
    await using stage = await Stage.build();
    let replacements = 0;
    const verdict = await stage.underLoad(SEED, async () => {
      replacements = await rounds(stage, new Random(SEED + 1), async () => undefined);
    });
    expect(replacements).toBeGreaterThan(ROUNDS / 4);
    expect(verdict.terms.length).toBeGreaterThan(replacements);
    expect(verdict.kinds).toMatchObject({ reset: 1 });
  });

  it(`${ROUNDS} times, and does not believe that it was replaced: one chain, terms never go back (seed ${SEED})`, async () => {
    await using stage = await Stage.build({ environment: BELIEVERS });
    let replacements = 0;
    let refused = 0;
    const verdict = await stage.underLoad(SEED, async () => {
      let former: TidemarkNode | null = null;
      replacements = await rounds(stage, new Random(SEED + 2), async (node) => {
        // The one before becomes a candidate again: somebody has to be elected beside the believers.
        await former?.fetch('/v1/step-down', 'POST');
        former = node;
      });
      refused = await stage.refusedAppends();
    });
    expect(replacements).toBeGreaterThan(ROUNDS / 4);
    // The fault happened: what was believed was tried.
    expect(refused).toBeGreaterThan(ROUNDS / 4);
    expect(verdict.terms.length).toBeGreaterThan(replacements);
    expect(verdict.kinds).toMatchObject({ reset: 1 });
  });
});
