import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { borderOverrides } from './borders.mjs';
import { ROOT } from './checkout.mjs';

/** The tests of one subject stand in one `describe`, which is a function as long as all of them. */
const LONG_FUNCTIONS = ['**/*.test.ts', 'packages/testing/src/conformance/**'];

const CONFIG = {
  $schema: './node_modules/oxlint/configuration_schema.json',
  plugins: ['typescript', 'oxc', 'import'],
  categories: { correctness: 'error' },
  ignorePatterns: ['**/dist/**', '**/generated/**'],
  rules: {
    'import/no-cycle': 'error',
    'max-lines': ['error', { max: 400 }],
    'max-lines-per-function': ['error', { max: 70 }],
    'max-params': ['error', { max: 4 }],
    'typescript/no-floating-promises': 'error',
    'typescript/no-misused-promises': 'error',
    'typescript/await-thenable': 'error',
  },
  overrides: [...borderOverrides(), { files: LONG_FUNCTIONS, rules: { 'max-lines-per-function': 'off' } }],
};

const FILE = join(ROOT, '.oxlintrc.json');
const TEXT = `${JSON.stringify(CONFIG, null, 2)}\n`;

export function writeLintConfig() {
  writeFileSync(FILE, TEXT);
}

/** Whether the configuration in the tree is the one that `borders.mjs` asks for. */
export function lintConfigIsCurrent() {
  return readFileSync(FILE, 'utf8') === TEXT;
}
