import { type TidemarkNode, until } from '@tidemark/testing';
import { expect, it } from 'vitest';
import { Stage } from './support/under-load.js';

const SEED = Number(process.env['TIDEMARK_SEED'] ?? 300);
const ROUNDS = 5;
/** Longer than any test may take: only who hands over lets another one lead in this time. */
const LEASE_TTL = '10m';

const WAYS: Record<
  string,
  { leave(leader: TidemarkNode): Promise<void>; comeBack(leader: TidemarkNode): Promise<void> }
> = {
  SIGTERM: { leave: (leader) => leader.stop(), comeBack: (leader) => leader.start() },
  'step-down': {
    leave: async (leader) => expect(await leader.command('step-down')).toMatchObject({ code: 0 }),
    comeBack: async () => undefined,
  },
};

it.each(Object.keys(WAYS))(
  `%s drains and hands over ${ROUNDS} times without a lease running out, and no append is refused (seed ${SEED})`,
  async (name) => {
    const way = WAYS[name];
    if (way === undefined) throw new Error(name);
    await using stage = await Stage.build({ leaseTtl: LEASE_TTL });
    const verdict = await stage.underLoad(SEED, async () => {
      for (let round = 0; round < ROUNDS; round++) {
        const leader = await stage.pipeline.leader();
        const term = await stage.journalTerm();
        await way.leave(leader);
        await stage.termAfter(term);
        await way.comeBack(leader);
        await until(async () => (await stage.pipeline.leader()) !== leader, { describe: 'another leader' });
      }
      expect(await stage.refusedAppends()).toBe(0);
    });
    // One term for each leader: none needed a second attempt, and all that was under way was stored before it left.
    expect(verdict.terms).toHaveLength(ROUNDS + 1);
  },
);
