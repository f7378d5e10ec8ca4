import { expect, it } from 'vitest';
import { ListedKeys } from '../src/compare/listed-keys.js';

const KIB = 1024;

it('lists the first keys, so many', () => {
  const listed = new ListedKeys(3);
  for (const name of ['a', 'b', 'c', 'd']) listed.add({ kind: 'extra', key: Buffer.from(name) });
  expect(listed.keys.map(({ key }) => key.toString())).toEqual(['a', 'b', 'c']);
});

it('lists as many bytes as fifty held plans may keep, and one key in any case', () => {
  const listed = new ListedKeys(1_000);
  for (let index = 0; index < 1_000; index++) listed.add({ kind: 'extra', key: Buffer.alloc(KIB, index) });
  expect(listed.keys).toHaveLength(256);
  const one = new ListedKeys(1_000);
  for (let index = 0; index < 3; index++) one.add({ kind: 'extra', key: Buffer.alloc(KIB * KIB) });
  expect(one.keys).toHaveLength(1);
});

it('keeps nothing of the page from which a key was read', () => {
  const page = Buffer.alloc(KIB * KIB, 'k');
  const listed = new ListedKeys(10);
  listed.add({ kind: 'missing', key: page.subarray(10, 20) });
  const [first] = listed.keys;
  expect(first?.key.toString()).toBe('k'.repeat(10));
  expect(first?.key.buffer.byteLength).toBe(10);
});
