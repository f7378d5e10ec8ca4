// `npm test [-- TIER...] [-- VITEST ARGUMENTS]`: sets up and runs the tiers this machine can run, all of them or those
// named. The last line of the output is `N passed, N failed, N skipped`.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { main, StepError } from './lib/run.mjs';
import { parseTiers, reportFile, runTier } from './lib/run-tier.mjs';
import { setup } from './lib/setup.mjs';
import { addTotals, formatTotals, NO_TESTS } from './lib/totals.mjs';

await main(async () => {
  const { tiers, vitestArguments } = parseTiers(process.argv.slice(2));
  try {
    await setup();
  } catch (error) {
    if (!(error instanceof StepError)) throw error;
    console.error(`tidemark: ${error.message}${error.remedy ? `\n${error.remedy}` : ''}`);
    console.log(formatTotals({ ...NO_TESTS, failed: 1 }));
    return 1;
  }
  let totals = NO_TESTS;
  const reports = mkdtempSync(join(tmpdir(), 'tidemark-report-'));
  try {
    for (const tier of tiers) {
      totals = addTotals(totals, await runTier(tier, { report: reportFile(reports, tier), vitestArguments }));
    }
  } finally {
    rmSync(reports, { recursive: true, force: true });
  }
  console.log(formatTotals(totals));
  return totals.failed === 0 ? 0 : 1;
});
