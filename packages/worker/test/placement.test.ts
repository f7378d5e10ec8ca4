import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { preferredOwner } from '../src/index.js';
import { rankedOwners } from '../src/placement/preferred-owner.js';

const DESTINATIONS = 50;

const name = fc.stringMatching(/^[a-z][a-z0-9-]{0,20}$/);
/** Names as people give them: one stem and a number, the hardest case for a weak hash. */
const numbered = fc.tuple(name, fc.integer({ min: 0, max: 9_000 }));

function destinations(stem: string, from: number): readonly string[] {
  return Array.from({ length: DESTINATIONS }, (_, index) => `${stem}${from + index}`);
}

function nodes(stem: string, from: number, count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `${stem}${from + index}`);
}

function placed(names: readonly string[], on: readonly string[]): ReadonlyMap<string, string | null> {
  return new Map(names.map((each) => [each, preferredOwner(each, on)]));
}

function counts(names: readonly string[], on: readonly string[]): readonly number[] {
  const owners = [...placed(names, on).values()];
  return on.map((node) => owners.filter((owner) => owner === node).length);
}

describe('the preferred owner', () => {
  it('is the same whatever the order of the nodes, and one of them', () => {
    fc.assert(
      fc.property(name, fc.uniqueArray(name, { minLength: 1, maxLength: 8 }), (destination, some) => {
        const owner = preferredOwner(destination, some);
        expect(some).toContain(owner);
        expect(preferredOwner(destination, some.toReversed())).toBe(owner);
        expect(rankedOwners(destination, some.toSorted())).toEqual(rankedOwners(destination, some));
      }),
    );
    expect(preferredOwner('codfw', [])).toBeNull();
  });

  it(`spreads ${DESTINATIONS} destinations over three nodes`, () => {
    fc.assert(
      fc.property(numbered, numbered, ([stem, from], [node, first]) => {
        // Six standard deviations of a fair draw: the odds against it are a hundred million to one for each set of names.
        for (const count of counts(destinations(stem, from), nodes(node, first, 3))) {
          expect(count).toBeGreaterThanOrEqual(1);
          expect(count).toBeLessThanOrEqual(36);
        }
      }),
    );
  });

  it('is fair in the long run', () => {
    const many = Array.from({ length: 6_000 }, (_, index) => `destination-${index}`);
    for (const count of counts(many, ['conf2004', 'conf2005', 'conf2006'])) {
      expect(Math.abs(count - 2_000)).toBeLessThan(150);
    }
  });

  it('moves only to a node that joins, and only from a node that leaves', () => {
    fc.assert(
      fc.property(numbered, fc.uniqueArray(name, { minLength: 2, maxLength: 7 }), ([stem, from], some) => {
        const names = destinations(stem, from);
        const [joining, ...before] = some;
        const [without, withIt] = [placed(names, before), placed(names, some)];
        for (const each of names) {
          if (withIt.get(each) !== joining) expect(withIt.get(each)).toBe(without.get(each));
        }
      }),
    );
  });

  it('never changes between versions: nodes of two versions must agree during an upgrade', () => {
    const three = ['conf2004', 'conf2005', 'conf2006'];
    expect(['codfw', 'eqiad', 'cache', 'staging'].map((each) => preferredOwner(each, three))).toMatchInlineSnapshot(`
      [
        "conf2004",
        "conf2004",
        "conf2004",
        "conf2005",
      ]
    `);
  });
});
