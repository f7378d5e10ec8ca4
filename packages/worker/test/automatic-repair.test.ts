import { type Logger, silentLogger } from '@tidemark/core';
import { checkpointAt, MemoryDestination, MemorySource, shortWaits, until } from '@tidemark/testing';
import { afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { verifyRegularly, type WatcherOptions, watchForeignWrites } from '../src/compare/watchers.js';
import type { VerifyReport } from '../src/index.js';
import { filter } from './support/worker-node.js';

beforeAll(shortWaits);

/** So many keys are repaired without being asked. */
const MOST = 1_000;

let source: MemorySource;
let destination: MemoryDestination;
let repaired: string[];
let reports: VerifyReport[];
let warnings: string[];
let stop: AbortController;
let running: Promise<void>;

beforeEach(async () => {
  source = new MemorySource();
  destination = new MemoryDestination();
  [repaired, reports, warnings] = [[], [], []];
  stop = new AbortController();
  running = Promise.resolve();
});

afterEach(async () => {
  stop.abort();
  await running;
});

const logger: Logger = {
  ...silentLogger,
  warn: (...line: readonly unknown[]) => {
    warnings.push(String(line.at(-1)));
  },
};

function options(more: Partial<WatcherOptions> = {}): WatcherOptions {
  const repair = async (keys: readonly Buffer[]) => {
    repaired.push(...keys.map((key) => key.toString()));
    return { puts: 0, deletes: 0, refused: [] };
  };
  const observer = { foreign: () => undefined, verified: (report: VerifyReport) => reports.push(report) };
  const sides = { source, destination, filter };
  return { ...sides, observer, logger, verifyEveryMs: 1, busy: () => false, repair, ...more };
}

/** A destination whose checkpoint is at the source's revision, and has none of its keys. */
async function lacks(keys: number): Promise<string[]> {
  const names = Array.from({ length: keys }, (_, index) => `${index}`.padStart(5, '0'));
  source.txn(names.map((name) => ({ key: `/a/${name}`, value: 'x' })));
  const next = checkpointAt(source.revision, { filter: filter.fingerprint });
  await destination.apply({ writes: [], expected: null, next }, stop.signal);
  return names.map((name) => `/b/${name}`);
}

it('what a regular comparison finds is reported, and repaired', async () => {
  const lacking = await lacks(MOST);
  running = verifyRegularly(options(), stop.signal);
  await until(() => repaired.length > 0, { describe: 'a repair' });
  expect(repaired.slice(0, MOST)).toEqual(lacking);
  expect(reports[0]).toMatchObject({ missing: MOST });
});

it('a comparison that fails is made again', async () => {
  await lacks(1);
  destination.available = false;
  running = verifyRegularly(options(), stop.signal);
  await until(() => warnings.includes('the destination could not be compared'), { describe: 'a failure' });
  expect(reports).toEqual([]);
  destination.available = true;
  await until(() => reports.length > 0, { describe: 'a report' });
});

it('where a stranger writes more keys than that, somebody has to look first', async () => {
  running = watchForeignWrites(options(), stop.signal);
  const isSeen = () => {
    for (let index = 0; index <= MOST; index++) destination.write(`/b/${index}`, 'foreign');
    return warnings.includes('too many keys to repair without being asked');
  };
  await until(isSeen, { describe: 'the warning' });
  expect(repaired).toEqual([]);
});

it('what a stranger writes outside of the routes is left alone', async () => {
  const seen: string[] = [];
  const routes = filter.with([{ prefix: '/a/', rewrite: '/b/', exclude: ['/a/private/'], leased: 'keep' }]);
  const observer = {
    foreign: (writes: readonly { readonly key: Buffer }[]) => seen.push(...writes.map(({ key }) => key.toString())),
    verified: () => undefined,
  };
  running = watchForeignWrites(options({ filter: routes, observer }), stop.signal);
  const isSeen = () => {
    destination.write('/b/private/1', 'foreign');
    destination.write('/b/1', 'foreign');
    return repaired.length > 0;
  };
  await until(isSeen, { describe: 'a repair' });
  expect(new Set(seen)).toEqual(new Set(['/b/1']));
  expect(new Set(repaired)).toEqual(new Set(['/b/1']));
});

it('where a comparison finds more keys than that, somebody has to look first', async () => {
  await lacks(MOST + 1);
  running = verifyRegularly(options(), stop.signal);
  await until(() => reports.length > 1, { describe: 'two comparisons' });
  expect(repaired).toEqual([]);
});
