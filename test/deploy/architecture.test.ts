import { existsSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { fromRoot } from './support/files.js';

const DOCUMENT = readFileSync(fromRoot('ARCHITECTURE.md'), 'utf8');

/** Paths that it names, from the root: `packages/...`, and `worker/src/...` for `packages/worker/src/...`. */
function namedPaths(): string[] {
  const quoted = [...DOCUMENT.matchAll(/`([a-z]+\/[\w./-]+)`/g)].map(([, path = '']) => path);
  const linked = [...DOCUMENT.matchAll(/\]\(([\w./-]+)\)/g)].map(([, path = '']) => path);
  return [...quoted.map((path) => (/^[a-z]+\/src\b/.test(path) ? `packages/${path}` : path)), ...linked];
}

it('every file and folder that ARCHITECTURE.md names is there', () => {
  const paths = namedPaths();
  expect(paths.length).toBeGreaterThan(40);
  expect(paths.filter((path) => !existsSync(fromRoot(path)))).toEqual([]);
});

it('the picture of the worker shows every room of it, and no other one', () => {
  const shown = [...DOCUMENT.matchAll(/^ {2}(\w+)\["<b>/gm)].map(([, room]) => room);
  expect(shown).toEqual(rooms('worker'));
});

it.each(['core', 'etcd', 'journal', 'destinations', 'cli'])(
  'the table lists the folders of %s from top to bottom',
  (name) => {
    const row = DOCUMENT.split('\n').find((line) => line.startsWith(`| \`${name}\` |`)) ?? '';
    const [, what = ''] = row.split(' | ');
    const folders = rooms(name);
    const listed = [...what.matchAll(/`(\w+)`/g)].flatMap(([, word = '']) => (folders.includes(word) ? [word] : []));
    expect([...new Set(listed)]).toEqual(folders);
  },
);

/** The order as the lint has it. */
function rooms(name: string): string[] {
  const text = readFileSync(fromRoot('scripts/lib/borders.mjs'), 'utf8');
  const [, list = ''] = new RegExp(`^ {2}${name}: \\[(.*)\\],$`, 'm').exec(text) ?? [];
  return list.split(', ').map((room) => room.replaceAll("'", ''));
}
