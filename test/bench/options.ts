import { parseArgs } from 'node:util';

export const CASES = [
  'base-sync',
  'live-burst',
  'idle-latency',
  'raw-limit',
  'backlog',
  'apply-backlog',
  'handover',
] as const;
/** Only when asked for: it takes minutes, and several GiB of disk. */
const LONG_CASES = ['snapshot-1gib'] as const;
const ALL_CASES = [...CASES, ...LONG_CASES] as const;
export type CaseName = (typeof ALL_CASES)[number];

export interface Sizes {
  readonly baseKeys: number;
  /** Keys that are there before a burst, and that it changes. */
  readonly burstKeys: number;
  readonly burstPuts: number;
  readonly idleKeys: number;
  readonly idlePuts: number;
  /** Leaders that get SIGTERM, and as many that are killed. */
  readonly handOvers: number;
  readonly snapshotKeys: number;
  /** Written while the leader, or the worker, is away. */
  readonly backlogRevisions: number;
}

const FULL: Sizes = {
  baseKeys: 100_000,
  burstKeys: 20_000,
  burstPuts: 50_000,
  idleKeys: 1_000,
  idlePuts: 300,
  handOvers: 20,
  snapshotKeys: 1_000_000,
  backlogRevisions: 100_000,
};

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
  --case NAME  one case, may be given several times: ${CASES.join(', ')}; without it all of these.
               Besides ${LONG_CASES.join(', ')}, which takes some minutes
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
  const cases = ALL_CASES.filter((name) => values.case.includes(name));
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
    handOvers: sizes.handOvers / 10,
    snapshotKeys: sizes.snapshotKeys / 10,
    backlogRevisions: sizes.backlogRevisions / 10,
  };
}
