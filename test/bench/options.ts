import { parseArgs } from 'node:util';

export const CASES = ['base-sync', 'live-burst', 'idle-latency', 'raw-limit'] as const;
export type CaseName = (typeof CASES)[number];

export interface Sizes {
  readonly baseKeys: number;
  /** Keys that are there before a burst, and that it changes. */
  readonly burstKeys: number;
  readonly burstPuts: number;
  readonly idleKeys: number;
  readonly idlePuts: number;
}

const FULL: Sizes = { baseKeys: 100_000, burstKeys: 20_000, burstPuts: 50_000, idleKeys: 1_000, idlePuts: 300 };

/** What a case needs to know about the run. */
export interface Bench {
  readonly sizes: Sizes;
  /** Where the Tidemark node writes its processor profile; null without `--profile`. */
  readonly profileTo: string | null;
}

export interface Options {
  readonly quick: boolean;
  readonly cases: readonly CaseName[];
  readonly profile: boolean;
  readonly sizes: Sizes;
}

export const USAGE = `npm run bench -- [--quick] [--case NAME] [--profile]
  --quick      a tenth of every size, no targets; results are printed and not kept
  --case NAME  one case: ${CASES.join(', ')}; may be given several times
  --profile    runs the Tidemark node under V8's profiler and prints where its time goes; results are not kept`;

/** @throws Error with the usage */
export function parseOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: 'boolean', default: false },
      profile: { type: 'boolean', default: false },
      case: { type: 'string', multiple: true, default: [...CASES] },
    },
  });
  const cases = CASES.filter((name) => values.case.includes(name));
  if (cases.length !== new Set(values.case).size) throw new Error(`no such case: ${values.case.join(', ')}`);
  return { quick: values.quick, cases, profile: values.profile, sizes: values.quick ? tenth(FULL) : FULL };
}

function tenth(sizes: Sizes): Sizes {
  return {
    baseKeys: sizes.baseKeys / 10,
    burstKeys: sizes.burstKeys / 10,
    burstPuts: sizes.burstPuts / 10,
    idleKeys: sizes.idleKeys / 10,
    idlePuts: sizes.idlePuts / 10,
  };
}
