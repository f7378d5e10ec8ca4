import { join } from 'node:path';
import { tool } from './checkout.mjs';
import { dockerProblem } from './docker.mjs';
import { run, StepError } from './run.mjs';
import { hasTests, TIERS } from './tiers.mjs';
import { tierTotals } from './totals.mjs';

/**
 * Runs one tier in the foreground and resolves to its totals. vitest's report stays at `report`; `env` is added to ours.
 */
export async function runTier(tier, { report, vitestArguments, env = {} }) {
  if (tier.name === 'containers') {
    const problem = await dockerProblem();
    if (problem !== undefined) {
      console.log(`\n── containers: skipped: ${problem}`);
      return { passed: 0, failed: 0, skipped: 1 };
    }
  }
  console.log(`\n── ${tier.name}`);
  const limitMs = tier.minutes * 60_000;
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  const args = ['run', '--project', tier.name, '--passWithNoTests', ...reporters, ...vitestArguments];
  const { code } = await run(tool('vitest'), args, { show: true, limitMs, env: { ...process.env, ...env } });
  if (code === 124) console.log(`${tier.name}: ended after its limit of ${tier.minutes} minutes`);
  return tierTotals(report, code);
}

/** `[TIER...] [-- VITEST ARGUMENTS]` as `{ tiers, vitestArguments }`, tiers in their own order; all unless told. */
export function parseTiers(args, whenNone = TIERS.map(({ name }) => name)) {
  const divider = args.indexOf('--');
  const given = divider === -1 ? args : args.slice(0, divider);
  const names = given.length === 0 ? whenNone : given;
  const unknown = names.filter((name) => !TIERS.some((tier) => tier.name === name));
  if (unknown.length > 0) {
    const known = TIERS.map((tier) => tier.name).join(', ');
    throw new StepError(
      `no tier is called ${unknown.join(', ')}`,
      `There are: ${known}. Arguments for vitest follow a second --`,
    );
  }
  return {
    tiers: TIERS.filter((tier) => names.includes(tier.name)).filter(hasTests),
    vitestArguments: divider === -1 ? [] : args.slice(divider + 1),
  };
}

export function reportFile(directory, tier) {
  return join(directory, `${tier.name}.json`);
}
