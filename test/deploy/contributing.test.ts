import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { fromRoot } from './support/files.js';

const page = readFileSync(fromRoot('CONTRIBUTING.md'), 'utf8');
const section = page.split('\n## ').find((part) => part.startsWith('Writing a test\n')) ?? '';

/** Where an excerpt leaves lines out. */
const GAP = '// ...';

/** Excerpts with the file that is named right before each. */
const excerpts = [...section.matchAll(/`([^`\s]+\.ts)`[^`]*```ts\n(.*?)```/gs)].map(([, file = '', code = '']) => ({
  file,
  lines: linesOf(code).filter((line) => line !== GAP),
}));

function linesOf(text: string): string[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
}

/** The first line of an excerpt that does not follow the lines before it in the file; null when there is none. */
function missing(lines: readonly string[], file: string): string | null {
  let rest = linesOf(readFileSync(fromRoot(file), 'utf8'));
  for (const line of lines) {
    const index = rest.indexOf(line);
    if (index < 0) return line;
    rest = rest.slice(index + 1);
  }
  return null;
}

/** Files and folders of the repository that it names; `dist` is only there after a build. */
function namedPaths(): string[] {
  const quoted = [...page.matchAll(/`([a-z]+\/[\w./-]+)`/g)].map(([, path = '']) => path);
  const linked = [...page.matchAll(/\]\(([\w./-]+)\)/g)].map(([, path = '']) => path);
  return [...quoted, ...linked].filter((path) => !path.includes('/dist/'));
}

it('every file and folder that CONTRIBUTING.md names is there', () => {
  const paths = namedPaths();
  expect(paths.length).toBeGreaterThan(15);
  expect(paths.filter((path) => !existsSync(fromRoot(path)))).toEqual([]);
});

describe('how to write a test, in CONTRIBUTING.md', () => {
  it('is shown by a unit, an integration and a fault test', () => {
    expect(excerpts.map(({ file }) => /fault|integration/.exec(file)?.[0] ?? 'unit')).toEqual([
      'unit',
      'integration',
      'fault',
    ]);
  });

  it.each(excerpts)('is shown by lines that stand in $file, in this order', ({ file, lines }) => {
    expect(lines.length).toBeGreaterThanOrEqual(8);
    expect(missing(lines, file)).toBeNull();
  });
});
