import { expect, it } from 'vitest';
import { SourceSightings } from '../src/index.js';

it('a revision did not happen before the source was last seen without it', () => {
  const sightings = new SourceSightings();
  expect(sightings.lastWithout(1)).toBeNull();
  sightings.saw(10, 1_000);
  sightings.saw(10, 3_000);
  sightings.saw(12, 5_000);
  expect(sightings.lastWithout(10)).toBeNull();
  expect(sightings.lastWithout(11)).toBe(3_000);
  expect(sightings.lastWithout(12)).toBe(3_000);
  expect(sightings.lastWithout(13)).toBe(5_000);
});

it('a source that went back is another history: what was seen before says nothing', () => {
  const sightings = new SourceSightings();
  sightings.saw(100, 1_000);
  sightings.saw(40, 2_000);
  expect(sightings.lastWithout(50)).toBe(2_000);
  expect(sightings.lastWithout(40)).toBeNull();
});

it('remembers a bounded number, the newest ones', () => {
  const sightings = new SourceSightings();
  for (let revision = 1; revision <= 1_000; revision++) sightings.saw(revision, revision);
  expect(sightings.lastWithout(1_001)).toBe(1_000);
  expect(sightings.lastWithout(500)).toBeNull();
});
