import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const page = readFileSync(join(ROOT, 'docs/guarantees.md'), 'utf8');

/** Everything in backticks that is a path of this repository, with the symbol after `#`. */
const references = [...page.matchAll(/`((?:packages|test|docs)\/[^`#\s]+)(?:#(\w+))?`/g)].map(
  ([, path = '', symbol]) => ({
    path,
    symbol,
  }),
);

describe('docs/guarantees.md', () => {
  it('names all ten guarantees, each with what enforces it', () => {
    const sections = page.split(/^## /m).slice(1);
    expect(sections.map((section) => section.split(' ')[0])).toEqual(Array.from({ length: 10 }, (_, n) => `G${n + 1}`));
    for (const section of sections) expect(section).toMatch(/Enforced by/);
  });

  it.each(references)('points to $path $symbol, which exists', ({ path, symbol }) => {
    const file = join(ROOT, path);
    expect(existsSync(file)).toBe(true);
    if (symbol !== undefined) expect(readFileSync(file, 'utf8')).toMatch(new RegExp(`\\b${symbol}\\b`));
  });
});
