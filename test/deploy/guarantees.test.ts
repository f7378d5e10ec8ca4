import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');
const page = read('docs/guarantees.md');

/** Everything in backticks that is a path of this repository, with the symbol after `#`. */
function referencesOf(text: string) {
  return [...text.matchAll(/`((?:packages|test|docs|deploy|scripts)\/[^`#\s]+)(?:#(\w+))?`/g)]
    .map(([, path = '', symbol]) => ({ path, symbol }))
    .filter(({ path }) => !path.includes('KIND'));
}

function expectToExist({ path, symbol }: { readonly path: string; readonly symbol: string | undefined }): void {
  expect(existsSync(join(ROOT, path))).toBe(true);
  if (symbol !== undefined) expect(read(path)).toMatch(new RegExp(`\\b${symbol}\\b`));
}

describe('docs/guarantees.md', () => {
  it('names all ten guarantees, each with what enforces it', () => {
    const sections = page.split(/^## /m).slice(1);
    expect(sections.map((section) => section.split(' ')[0])).toEqual(Array.from({ length: 10 }, (_, n) => `G${n + 1}`));
    for (const section of sections) expect(section).toMatch(/Enforced by/);
  });

  it.each(referencesOf(page))('points to $path $symbol, which exists', expectToExist);
});

describe('docs/adding-a-destination.md', () => {
  it.each(referencesOf(read('docs/adding-a-destination.md')))('points to $path $symbol, which exists', expectToExist);
});

const records = readdirSync(join(ROOT, 'docs/decisions')).map((file) => `docs/decisions/${file}`);

describe.each(records)('%s', (record) => {
  it('points to files that exist, and begins with its number', () => {
    const text = read(record);
    for (const reference of referencesOf(text)) expectToExist(reference);
    expect(text).toMatch(new RegExp(`^# ${Number(/\/(\d{4})-/.exec(record)?.[1])}\\. `));
  });
});
