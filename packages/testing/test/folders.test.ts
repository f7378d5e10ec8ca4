import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const SOURCE = fileURLToPath(new URL('../src', import.meta.url));

/** The folders that each folder imports. */
function imports(): ReadonlyMap<string, ReadonlySet<string>> {
  const found = new Map<string, Set<string>>();
  for (const file of readdirSync(SOURCE, { recursive: true, encoding: 'utf8' })) {
    if (!file.endsWith('.ts')) continue;
    const folder = dirname(file);
    const targets = found.get(folder) ?? new Set();
    for (const [, path = ''] of readFileSync(join(SOURCE, file), 'utf8').matchAll(/from '(\.[^']+)'/g)) {
      const target = relative(SOURCE, dirname(join(SOURCE, folder, path)));
      if (target !== folder && !target.startsWith('..')) targets.add(target);
    }
    found.set(folder, targets);
  }
  return found;
}

/** Folders in an order in which each one imports only folders before it, as far as there is one. */
function ordered(all: ReadonlyMap<string, ReadonlySet<string>>): string[] {
  const order: string[] = [];
  for (let before = -1; before < order.length; ) {
    before = order.length;
    for (const [folder, targets] of all) {
      if (!order.includes(folder) && [...targets].every((target) => order.includes(target))) order.push(folder);
    }
  }
  return order;
}

it('no two folders of packages/testing/src import each other', () => {
  const all = imports();
  expect(all.size).toBeGreaterThan(8);
  expect(ordered(all).toSorted()).toEqual([...all.keys()].toSorted());
});

it('an order that does not exist is not found', () => {
  const circle = new Map([
    ['a', new Set(['b'])],
    ['b', new Set(['a'])],
    ['c', new Set<string>()],
  ]);
  expect(ordered(circle)).toEqual(['c']);
});
