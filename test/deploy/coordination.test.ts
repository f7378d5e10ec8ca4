import { readFileSync } from 'node:fs';
import { FACT_KINDS, LEASED_KEYS } from '@tidemark/core';
import { expect, it } from 'vitest';
import { fromRoot } from './support/files.js';

const DOCUMENT = readFileSync(fromRoot('docs/coordination.md'), 'utf8');

function table(heading: string): string[][] {
  const section = DOCUMENT.split(/^## /m).find((text) => text.startsWith(heading)) ?? '';
  const rows = section.split('\n').filter((line) => line.startsWith('| `'));
  return rows.map((row) => row.slice(2, -2).split(' | '));
}

it('docs/coordination.md lists every kind of fact, as the code has it, and no other one', () => {
  const expected = FACT_KINDS.map(({ name, says, writer, remover, lifetime }) => {
    return [`\`facts/${name}\``, says, writer, remover, lifetime];
  });
  expect(table('Facts')).toEqual(expected);
});

it('docs/coordination.md lists every key under a lease, as the code has it, and no other one', () => {
  const expected = LEASED_KEYS.map(({ name, says, writer, lifetime }) => [`\`${name}\``, says, writer, lifetime]);
  expect(table('Keys under a lease')).toEqual(expected);
});
