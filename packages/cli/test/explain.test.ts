import type { PlacedDestination } from '@tidemark/api';
import { expect, it } from 'vitest';
import { explain } from '../src/status/explain.js';
import { mergeStatus, type OrderedDestination } from '../src/status/merge.js';

const pause = { by: 'sre@host', at: '2026-02-28T10:00:00.000Z' };

/** A destination that no node owns, as `status` shows it. */
function unowned(ordered: Partial<OrderedDestination>): PlacedDestination {
  const configured = { name: 'codfw', kind: 'etcd', pause: null, isQuiesced: false, ...ordered };
  const [destination] = mergeStatus('test', [configured], []).destinations;
  if (destination === undefined) throw new Error('it is not shown');
  return destination;
}

function explained(destination: PlacedDestination) {
  return explain(mergeStatus('test', [], []), destination);
}

it('a paused destination that nobody owns is shown as paused, by whom and since when', () => {
  const destination = unowned({ pause, isQuiesced: true });
  expect(destination).toMatchObject({ state: 'paused', since: pause.at, pause, owner: null });
  const { what, why, next } = explained(destination);
  expect(what).toContain('is paused, by sre@host since 2026-02-28T10:00:00.000Z');
  expect(what).toContain('No node works for it');
  expect(why).toMatch(/^Paused by sre@host since 2026/);
  expect(next).toBe('tidemark resume codfw');
});

it('one that was ordered to pause when its owner was gone is not shown as paused', () => {
  const destination = unowned({ pause });
  expect(destination).toMatchObject({ state: 'starting', pause });
  const { what, why, safe } = explained(destination);
  expect(what).toContain('is to be paused, by sre@host since 2026-02-28T10:00:00.000Z');
  expect(why).toContain('not known yet');
  expect(safe).toContain('may still be carried out');
});

it('one that nobody paused and nobody owns is starting', () => {
  const destination = unowned({});
  expect(destination).toMatchObject({ state: 'starting', pause: null });
  expect(explained(destination).what).toBe('No node works for codfw.');
});

it('one that does not answer while it is paused says what is not known, and what to do', () => {
  const destination: PlacedDestination = { ...unowned({ pause }), state: 'backing_off', owner: 'node1' };
  const { what, safe, next } = explained(destination);
  expect(what).toContain('is being paused, by sre@host since');
  expect(what).toContain('the outcome of the last transaction is not known yet');
  expect(safe).toContain('may still be carried out');
  expect(next).toContain('becomes `paused` by itself');
  expect(explained({ ...destination, pause: null }).what).toContain('The last attempt for codfw failed');
});
