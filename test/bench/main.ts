import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { applyBacklog } from './cases/apply-backlog.js';
import { backlog } from './cases/backlog.js';
import { baseSync } from './cases/base-sync.js';
import { handOver } from './cases/handover.js';
import { idleLatency } from './cases/idle-latency.js';
import { liveBurst } from './cases/live-burst.js';
import { rawLimit } from './cases/raw-limit.js';
import { snapshot1Gib } from './cases/snapshot-1gib.js';
import { WrongResultError } from './measure/judge.js';
import { commit, describeMachine } from './measure/machine.js';
import type { PeerName } from './measure/stage.js';
import { type Bench, CASES, type CaseName, type Options, parseOptions, USAGE } from './options.js';
import { plot } from './report/plot.js';
import { formatProfiles } from './report/profile.js';
import { formatResults } from './report/table.js';
import { type BothPeers, checkTargets, type Figures, type Results } from './results.js';

const RESULTS = fileURLToPath(new URL('results', import.meta.url));

/** Runs the cases one after another, so that each has the machine to itself. */
async function measure(bench: Bench, cases: readonly CaseName[]): Promise<Figures> {
  const when = async <T>(name: CaseName, run: () => Promise<T>): Promise<T | null> => {
    if (!cases.includes(name)) return null;
    console.error(`bench: ${name}`);
    return await run();
  };
  return {
    rawLimit: await when('raw-limit', () => rawLimit(bench)),
    baseSync: await when('base-sync', () => bothPeers((peer) => baseSync(peer, bench))),
    liveBurst: await when('live-burst', () => bothPeers((peer) => liveBurst(peer, bench))),
    idleLatency: await when('idle-latency', () => idleLatency(bench)),
    backlog: await when('backlog', () => backlog(bench)),
    applyBacklog: await when('apply-backlog', () => applyBacklog(bench)),
    handOver: await when('handover', () => handOver(bench)),
    snapshot1Gib: await when('snapshot-1gib', () => snapshot1Gib(bench)),
  };
}

async function bothPeers<T>(run: (peer: PeerName) => Promise<T>): Promise<BothPeers<T>> {
  return { tidemark: await run('tidemark'), makeMirror: await run('make-mirror') };
}

/** Only a complete and undisturbed run replaces the results that are kept. */
function isKept({ quick, profile, cases }: Options): boolean {
  return !quick && !profile && CASES.every((name) => cases.includes(name));
}

async function run(options: Options): Promise<void> {
  const profileTo = options.profile ? mkdtempSync(join(tmpdir(), 'tidemark-profile-')) : null;
  const machine = await describeMachine();
  const figures = await measure({ sizes: options.sizes, profileTo }, options.cases);
  const results: Results = {
    date: new Date().toISOString(),
    commit: commit(),
    machine,
    sizes: options.sizes,
    ...figures,
    // In a tenth of the time, the start of a process is what one measures.
    targets: options.quick ? [] : checkTargets(figures),
  };
  console.log(formatResults(results));
  if (profileTo !== null) console.log(`\n${formatProfiles(profileTo)}`);
  if (!isKept(options)) return;
  writeFileSync(join(RESULTS, 'latest.json'), `${JSON.stringify(results, rounded, 2)}\n`);
  writeFileSync(join(RESULTS, 'latest.svg'), plot(results));
  console.error(`bench: kept in ${RESULTS}`);
}

/** More digits than these are noise. */
function rounded(_key: string, value: unknown): unknown {
  return typeof value === 'number' ? Number(value.toPrecision(6)) : value;
}

/** 0 done, whatever the figures are; 1 a destination was not equal to its source; 2 usage. */
async function main(args: readonly string[]): Promise<number> {
  let options: Options;
  try {
    options = parseOptions(args);
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n${USAGE}`);
    return 2;
  }
  try {
    await run(options);
    return 0;
  } catch (error) {
    if (!(error instanceof WrongResultError)) throw error;
    console.error(`bench: WRONG RESULT: ${error.message}`);
    return 1;
  }
}

process.exitCode = await main(process.argv.slice(2));
