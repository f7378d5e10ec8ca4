// `npm test [-- TIER...] [-- VITEST ARGUMENTS]`: sets up and runs the tiers this machine can run, all of them or those
// named. The last line of the output is `N passed, N failed, N skipped`.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tool } from './lib/checkout.mjs';
import { dockerProblem } from './lib/docker.mjs';
import { main, run, StepError } from './lib/run.mjs';
import { setup } from './lib/setup.mjs';
import { hasTests, TIERS } from './lib/tiers.mjs';
import { addTotals, formatTotals, tierTotals } from './lib/totals.mjs';

await main(async () => {
  const { tiers, vitestArguments } = parse(process.argv.slice(2));
  let totals = { passed: 0, failed: 0, skipped: 0 };
  try {
    await setup();
  } catch (error) {
    if (!(error instanceof StepError)) throw error;
    console.error(`tidemark: ${error.message}${error.remedy ? `\n${error.remedy}` : ''}`);
    console.log(formatTotals({ ...totals, failed: 1 }));
    return 1;
  }
  const reports = mkdtempSync(join(tmpdir(), 'tidemark-report-'));
  try {
    for (const tier of tiers.filter(hasTests)) {
      totals = addTotals(totals, await runTier(tier, join(reports, `${tier.name}.json`), vitestArguments));
    }
  } finally {
    rmSync(reports, { recursive: true, force: true });
  }
  console.log(formatTotals(totals));
  return totals.failed === 0 ? 0 : 1;
});

async function runTier(tier, report, vitestArguments) {
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
  const { code } = await run(tool('vitest'), args, { show: true, limitMs });
  if (code === 124) console.log(`${tier.name}: ended after its limit of ${tier.minutes} minutes`);
  return tierTotals(report, code);
}

function parse(args) {
  const divider = args.indexOf('--');
  const names = divider === -1 ? args : args.slice(0, divider);
  const unknown = names.filter((name) => !TIERS.some((tier) => tier.name === name));
  if (unknown.length > 0) {
    const known = TIERS.map((tier) => tier.name).join(', ');
    throw new StepError(
      `no tier is called ${unknown.join(', ')}`,
      `There are: ${known}. For vitest: npm test -- -- ARGS`,
    );
  }
  return {
    tiers: names.length === 0 ? TIERS : TIERS.filter((tier) => names.includes(tier.name)),
    vitestArguments: divider === -1 ? [] : args.slice(divider + 1),
  };
}
