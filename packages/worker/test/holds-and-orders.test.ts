import { MemoryFacts, never } from '@tidemark/testing';
import { expect, it } from 'vitest';
import { Holds, Orders } from '../src/index.js';

/** Whatever is read once is written again by somebody else, right after that. */
class RacingFacts extends MemoryFacts {
  readonly successors = new Map<string, string>();

  override async read(name: string): Promise<string | null> {
    const fact = await super.read(name);
    const successor = this.successors.get(name);
    this.successors.delete(name);
    if (successor !== undefined) await this.write(name, successor);
    return fact;
  }
}

const due = { brake: 'deletes', evidence: 'many', upTo: null, deletes: null } as const;

it('a hold, and an approval, that are noted while an older one is cleared stay', async () => {
  const facts = new RacingFacts();
  const holds = new Holds(facts, 'codfw');
  await holds.note({ id: 'older', ...due }, never);
  await holds.approve({ id: 'older', by: 'sre@host', at: 'now' }, never);
  facts.successors.set('destinations/codfw/hold', JSON.stringify({ id: 'newer', ...due, since: 'now' }));
  facts.successors.set('destinations/codfw/approval', JSON.stringify({ id: 'newer', by: 'sre@host', at: 'now' }));
  await holds.clear('older', never);
  expect(await holds.current(never)).toMatchObject({ id: 'newer' });
  expect(await holds.approved({ id: 'newer', ...due }, never)).toMatchObject({ approval: { id: 'newer' } });
  await holds.clear('newer', never);
  expect((await facts.list('')).size).toBe(0);
});

it('a hold, and its approval, stay when another one is cleared', async () => {
  const facts = new MemoryFacts();
  const holds = new Holds(facts, 'codfw');
  await holds.note({ id: 'newer', ...due }, never);
  await holds.approve({ id: 'newer', by: 'sre@host', at: 'now' }, never);
  await holds.clear('older', never);
  expect(await holds.current(never)).toMatchObject({ id: 'newer' });
  expect(await holds.approved({ id: 'newer', ...due }, never)).toMatchObject({ approval: { id: 'newer' } });
});

it('an order to resync that comes while an older one is put away stands', async () => {
  const facts = new RacingFacts();
  const orders = new Orders(facts, 'codfw');
  const older = await orders.resync('sre@host', never);
  const newer = JSON.stringify({ id: 'newer', by: 'sre@host', at: 'now' });
  facts.successors.set('destinations/codfw/resync', newer);
  await orders.resynced(older, never);
  expect(await facts.read('destinations/codfw/resync')).toBe(newer);
});
