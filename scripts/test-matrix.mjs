// `npm run test:matrix [-- TIER...] [-- VITEST ARGUMENTS]`: the tiers named (integration and incidents unless told), once
// for each combination of server versions. The last line of the output is `N passed, N failed, N skipped`.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { combinations, formatTable } from './lib/matrix.mjs';
import { main, StepError } from './lib/run.mjs';
import { parseTiers, reportFile, runTier } from './lib/run-tier.mjs';
import { defaultVersion, ServerVersions } from './lib/server-versions.mjs';
import { setup } from './lib/setup.mjs';
import { addTotals, failedNames, formatTotals, NO_TESTS } from './lib/totals.mjs';

/** The oldest supported one, and those of the distribution's later suites, ascending. */
const ETCD = ['3.4.23', '3.5.16', '3.5.30'];
const NATS = ['2.9.10', '2.10.27', '2.15.1'];
const TIERS_UNLESS_TOLD = ['integration', 'incidents'];

await main(async () => {
  const { tiers, vitestArguments } = parseTiers(process.argv.slice(2), TIERS_UNLESS_TOLD);
  await setup();
  const defaults = { etcd: await defaultVersion('etcd'), nats: await defaultVersion('nats-server') };
  const servers = {
    etcd: await available('etcd', ETCD, defaults.etcd),
    nats: await available('nats-server', NATS, defaults.nats),
  };
  const rows = [];
  for (const { etcd, nats } of combinations(servers.etcd.found, servers.nats.found, defaults)) {
    console.log(`\n════ etcd ${etcd}, nats-server ${nats}`);
    const env = { ...servers.etcd.found.get(etcd), ...servers.nats.found.get(nats) };
    rows.push({ etcd, nats, results: await runTiers(tiers, { vitestArguments, env }) });
  }
  return report(rows, [...servers.etcd.missing, ...servers.nats.missing]);
});

/** Environment by version of those that can be had, ascending, and a line for each of the others. */
async function available(server, versions, ofMachine) {
  const sources = new ServerVersions();
  const [found, missing] = [new Map(), []];
  try {
    for (const version of versions) {
      try {
        found.set(version, await sources.ensure(server, version));
      } catch (error) {
        if (!(error instanceof StepError)) throw error;
        missing.push(`${server} ${version}: skipped: ${error.message.split('\n', 1)[0]}`);
      }
    }
  } finally {
    sources.close();
  }
  // The machine's own is the partner of all others, whatever its version is.
  if (!found.has(ofMachine)) found.set(ofMachine, {});
  return { found, missing };
}

async function runTiers(tiers, { vitestArguments, env }) {
  const results = [];
  const reports = mkdtempSync(join(tmpdir(), 'tidemark-report-'));
  try {
    for (const tier of tiers) {
      const file = reportFile(reports, tier);
      const totals = await runTier(tier, { report: file, vitestArguments, env });
      results.push({ tier: tier.name, totals, failed: failedNames(file) });
    }
  } finally {
    rmSync(reports, { recursive: true, force: true });
  }
  return results;
}

function report(rows, missing) {
  console.log(`\n${formatTable(rows)}`);
  for (const { etcd, nats, results } of rows) {
    for (const name of results.flatMap(({ failed }) => failed))
      console.log(`failed with etcd ${etcd}, nats-server ${nats}: ${name}`);
  }
  for (const line of missing) console.log(line);
  const sum = rows.flatMap(({ results }) => results.map(({ totals }) => totals)).reduce(addTotals, NO_TESTS);
  const totals = addTotals(sum, { ...NO_TESTS, skipped: missing.length });
  console.log(formatTotals(totals));
  return totals.failed === 0 ? 0 : 1;
}
