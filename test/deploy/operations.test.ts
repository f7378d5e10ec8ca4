import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { endpoints } from '@tidemark/api';
import { DESTINATION_STATES, RESET_REASONS } from '@tidemark/core';
import { describe, expect, it } from 'vitest';
import { fromRoot } from './support/files.js';

const read = (path: string) => readFileSync(fromRoot(path), 'utf8');
const runbook = read('docs/operations.md');
const sources = ['core', 'api', 'etcd', 'journal', 'leader', 'worker', 'destinations', 'cli'].flatMap((name) =>
  readdirSync(fromRoot(`packages/${name}/src`), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => `packages/${name}/src/${file}`),
);

/** First group of every match in a text. */
function found(text: string, pattern: RegExp): string[] {
  return [...new Set([...text.matchAll(pattern)].map(([, word = '']) => word))];
}

/** What the runbook never mentions in `code`. */
function unexplained(words: readonly string[]): string[] {
  expect(words).not.toEqual([]);
  return words.filter((word) => !new RegExp(`\`[^\`\n]*(?<![A-Za-z_])${word}(?![A-Za-z_])[^\`\n]*\``).test(runbook));
}

describe('docs/operations.md explains', () => {
  it('every error code', () => {
    const codes = sources.flatMap((file) => found(read(file), /readonly code(?:: string)? = '([A-Z_]+)'/g));
    expect(unexplained(codes)).toEqual([]);
  });

  it('every state of a destination', () => {
    expect(unexplained(DESTINATION_STATES)).toEqual([]);
  });

  it('every reason of a reset', () => {
    expect(unexplained(RESET_REASONS)).toEqual([]);
  });

  it('every path of the admin HTTP', () => {
    expect(unexplained(endpoints().map(({ path }) => path.replace('{name}', 'NAME')))).toEqual([]);
  });
});

describe.each(['docs/operations.md', 'deploy/README.md'])('%s', (document) => {
  it('links to files that exist', () => {
    const links = found(read(document), /\]\(([^)#:]+)(?:#[^)]*)?\)/g);
    expect(links.filter((link) => !existsSync(resolve(dirname(fromRoot(document)), link)))).toEqual([]);
  });
});
