// The tiers of tests, in the order in which `npm test` runs them. vitest.config.ts and scripts/test.mjs read this list.

import { filesBelow } from './checkout.mjs';

/**
 * `seconds` is the limit of one test, `minutes` that of the whole tier. `servers`: the tests run real servers, which
 * need the cores more than a second test file does.
 */
export const TIERS = [
  {
    name: 'unit',
    include: ['packages/*/test/**/*.test.ts'],
    exclude: ['**/*.integration.test.ts'],
    // Of a machine with ten processes for each core: a property test takes one and a half seconds of a core.
    seconds: 60,
    minutes: 15,
    servers: false,
  },
  {
    name: 'integration',
    include: ['packages/*/test/**/*.integration.test.ts', 'test/integration/**/*.test.ts'],
    exclude: [],
    seconds: 60,
    minutes: 20,
    servers: true,
  },
  {
    name: 'incidents',
    include: ['test/incidents/**/*.test.ts'],
    exclude: [],
    seconds: 180,
    minutes: 20,
    servers: true,
  },
  { name: 'fault', include: ['test/fault/**/*.test.ts'], exclude: [], seconds: 300, minutes: 40, servers: true },
  {
    name: 'deploy',
    include: ['deploy/**/*.test.ts', 'test/deploy/**/*.test.ts'],
    exclude: [],
    seconds: 120,
    minutes: 15,
    servers: true,
  },
  {
    name: 'containers',
    include: ['test/containers/**/*.test.ts'],
    exclude: [],
    seconds: 300,
    minutes: 20,
    servers: true,
  },
];

/** vitest treats a project without files as a mistake and says so at length; a tier may well be empty. */
export function hasTests(tier) {
  const files = ['packages', 'test', 'deploy'].flatMap(filesBelow);
  const [included, excluded] = [tier.include.map(pattern), tier.exclude.map(pattern)];
  return files.some((file) => included.some((glob) => glob.test(file)) && !excluded.some((glob) => glob.test(file)));
}

/** `*` within a directory, `**` over directories. */
function pattern(glob) {
  const source = glob
    .replaceAll('.', '\\.')
    .replaceAll('**/', '(?:.+/)?')
    .replaceAll(/(?<![.)])\*/g, '[^/]*');
  return new RegExp(`^${source}$`);
}
