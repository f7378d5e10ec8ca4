// `npm run test:matrix [-- [--node VERSION,...] TIER...] [-- VITEST ARGUMENTS]`: the tiers named, once for each combination
// of server versions on this Node.js, then once on each other Node.js with this machine's servers. With --node: only on
// the versions of Node.js that it names. The last line of the output is `N passed, N failed, N skipped`.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { combinations, formatTable } from './lib/matrix.mjs';
import { ensureNode, isOfVersion, parseNodes, prepareBundle } from './lib/node-versions.mjs';
import { main, StepError } from './lib/run.mjs';
import { parseTiers, reportFile, runTier } from './lib/run-tier.mjs';
import { defaultVersion, ServerVersions } from './lib/server-versions.mjs';
import { setup } from './lib/setup.mjs';
import { addTotals, failedNames, formatTotals, NO_TESTS } from './lib/totals.mjs';

/** The oldest supported one, and those of the distribution's later suites, ascending. */
const ETCD = ['3.4.23', '3.5.16', '3.5.30'];
const NATS = ['2.9.10', '2.10.27', '2.15.1'];
/** The oldest supported one, and the lines with long-term support since. */
const NODE = ['20.19', '22', '24'];

const TIERS_OF_SERVERS = ['integration', 'incidents'];
const TIERS_OF_NODE = ['unit', ...TIERS_OF_SERVERS];

await main(async () => {
  const { nodes, rest } = parseNodes(process.argv.slice(2));
  const unlessNamed = nodes.length === 0 ? TIERS_OF_SERVERS : TIERS_OF_NODE;
  const { tiers, vitestArguments } = parseTiers(rest, unlessNamed);
  // What was asked for by name is had, or nothing runs.
  const asked = [];
  for (const version of nodes) asked.push(await ensureNode(version));
  await setup();
  const defaults = { etcd: await defaultVersion('etcd'), nats: await defaultVersion('nats-server') };
  const { plan, missing } = nodes.length === 0 ? await everything(defaults) : { plan: asked, missing: [] };
  const rows = [];
  for (const { path, env, ...versions } of plan) {
    const row = { ...defaults, ...versions };
    console.log(`\n════ ${said(row)}`);
    if (path !== undefined) await prepareBundle(path);
    rows.push({ ...row, results: await runTiers(tiers, { vitestArguments, env }) });
  }
  return report(rows, missing);
});

/** All combinations of servers on this Node.js, then the other versions of Node.js; a line for each that cannot be had. */
async function everything(defaults) {
  const etcd = await availableServers('etcd', ETCD, defaults.etcd);
  const nats = await availableServers('nats-server', NATS, defaults.nats);
  const nodes = await availableNodes();
  const servers = combinations(etcd.found, nats.found, defaults).map((pair) => ({
    node: process.versions.node,
    ...pair,
    env: { ...etcd.found.get(pair.etcd), ...nats.found.get(pair.nats) },
  }));
  return { plan: [...servers, ...nodes.found], missing: [...etcd.missing, ...nats.missing, ...nodes.missing] };
}

async function availableNodes() {
  const [found, missing] = [[], []];
  for (const version of NODE.filter((other) => !isOfVersion(process.versions.node, other))) {
    try {
      found.push(await ensureNode(version));
    } catch (error) {
      missing.push(skipped(`node ${version}`, error));
    }
  }
  return { found, missing };
}

/** Environment by version of those that can be had, ascending, and a line for each of the others. */
async function availableServers(server, versions, ofMachine) {
  const sources = new ServerVersions();
  const [found, missing] = [new Map(), []];
  try {
    for (const version of versions) {
      try {
        found.set(version, await sources.ensure(server, version));
      } catch (error) {
        missing.push(skipped(`${server} ${version}`, error));
      }
    }
  } finally {
    sources.close();
  }
  // The machine's own is the partner of all others, whatever its version is.
  if (!found.has(ofMachine)) found.set(ofMachine, {});
  return { found, missing };
}

/** Only for a version that cannot be had; anything else goes on. */
function skipped(what, error) {
  if (!(error instanceof StepError)) throw error;
  return `${what}: skipped: ${error.message.split('\n', 1)[0]}`;
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
  for (const { results, ...versions } of rows) {
    for (const name of results.flatMap(({ failed }) => failed)) console.log(`failed with ${said(versions)}: ${name}`);
  }
  for (const line of missing) console.log(line);
  const sum = rows.flatMap(({ results }) => results.map(({ totals }) => totals)).reduce(addTotals, NO_TESTS);
  const totals = addTotals(sum, { ...NO_TESTS, skipped: missing.length });
  console.log(formatTotals(totals));
  return totals.failed === 0 ? 0 : 1;
}

function said({ node, etcd, nats }) {
  return `node ${node}, etcd ${etcd}, nats-server ${nats}`;
}
