import type { Hold } from '@tidemark/core';
import { MemoryFacts, never } from '@tidemark/testing';
import { Holds } from '@tidemark/worker';
import { beforeEach, expect, it } from 'vitest';
import { DestinationVerbs, NothingHeldError } from '../src/node/destination-verbs.js';

const by = 'sre@host';
const shown: Hold = { id: 'a', brake: 'rewound', evidence: 'it went back', upTo: null, deletes: 1, since: 'now' };

let facts: MemoryFacts;
let holds: Holds;
let status: Hold | null;
let verbs: DestinationVerbs;

beforeEach(() => {
  [facts, status] = [new MemoryFacts(), null];
  holds = new Holds(facts, 'codfw');
  const destinations = { find: (name: string) => ({ config: { name } }) };
  const parts = { facts, destinations, shownHold: async () => status };
  verbs = new DestinationVerbs(parts as unknown as ConstructorParameters<typeof DestinationVerbs>[0]);
});

it('a hold that is noted is approved, also while no owner shows it', async () => {
  const noted = await holds.note(shown, never);
  expect(await verbs.hold('codfw', never)).toEqual(noted);
  expect(await verbs.approve('codfw', { id: 'a', by }, never)).toEqual(noted);
  expect(await holds.approved(shown, never)).toMatchObject({ approval: { by } });
});

it('a hold that status shows is approved, also when the coordination etcd has lost the note', async () => {
  status = shown;
  expect(await verbs.hold('codfw', never)).toEqual(shown);
  expect(await verbs.approve('codfw', { id: 'a', by }, never)).toEqual(shown);
  expect(await holds.approved(shown, never)).toMatchObject({ approval: { by } });
});

it('a hold that status shows is approved, also when the note is of one that a restore brought back', async () => {
  status = shown;
  await holds.note({ ...shown, id: 'older', deletes: null }, never);
  expect(await verbs.hold('codfw', never)).toEqual(shown);
  expect(await verbs.approve('codfw', { id: 'a', by }, never)).toEqual(shown);
});

it('nothing else is approved', async () => {
  await expect(verbs.approve('codfw', { id: 'a', by }, never)).rejects.toThrow('codfw is not held.');
  status = { ...shown, id: 'newer' };
  await expect(verbs.approve('codfw', { id: 'a', by }, never)).rejects.toThrow(NothingHeldError);
  await holds.note({ ...shown, id: 'newer' }, never);
  status = null;
  await expect(verbs.approve('codfw', { id: 'a', by }, never)).rejects.toThrow('now held for another reason');
  expect(await holds.approved(shown, never)).toBeNull();
});
