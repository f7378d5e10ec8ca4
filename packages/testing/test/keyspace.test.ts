import { describe, expect, it } from 'vitest';
import { CONFTOOL_PREFIX, conftoolKeyspace } from '../src/index.js';

describe('conftoolKeyspace', () => {
  const pairs = [...conftoolKeyspace({ seed: 42, keys: 5_000 })];

  it('gives as many distinct keys as asked for', () => {
    expect(new Set(pairs.map(({ key }) => key)).size).toBe(5_000);
  });

  it('is the same for the same seed', () => {
    expect([...conftoolKeyspace({ seed: 42, keys: 5_000 })]).toEqual(pairs);
    expect([...conftoolKeyspace({ seed: 43, keys: 5_000 })]).not.toEqual(pairs);
  });

  it('has the shape of conftool', () => {
    for (const { key, value } of pairs) {
      expect(key.startsWith(CONFTOOL_PREFIX)).toBe(true);
      expect(key).toMatch(/\/v1\/(pools\/[a-z]+\/[a-z]+\/[a-z-]+\/[a-z0-9.]+|discovery\/[a-z0-9-]+\/[a-z]+)$/);
      expect(JSON.parse(value)).toHaveProperty('pooled');
    }
    const discovery = pairs.filter(({ key }) => key.includes('/discovery/'));
    expect(discovery.length).toBeGreaterThan(100);
    expect(discovery.length).toBeLessThan(250);
  });
});
