import { MemoryFacts, never, shortWaits, until } from '@tidemark/testing';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Holds } from '../src/index.js';
import { Stage } from './support/stage.js';

beforeAll(shortWaits);

/** Counts what is removed: a hold that is removed and noted again was not to be approved in between. */
class CountingFacts extends MemoryFacts {
  readonly removed: string[] = [];

  override async removeExactly(name: string, fact: string): Promise<void> {
    this.removed.push(name);
    await super.removeExactly(name, fact);
  }
}

let stage: Stage;
let facts: CountingFacts;
let holds: Holds;

beforeEach(async () => {
  stage = await Stage.open();
  facts = new CountingFacts();
  holds = new Holds(facts, 'codfw');
});

afterEach(() => stage[Symbol.asyncDispose]());

/** A destination that has everything, whose source is rewound then, and its first owner, who is held. */
async function heldByFirstOwner() {
  const first = stage.work({ facts });
  await first.reaches(stage.chronicle.source.revision);
  stage.chronicle.source.delete('/a/0');
  await stage.chronicle.rewind();
  await first.becomes('held');
  return first;
}

describe('the hold of a resync that has not begun', () => {
  it('stays noted when the destination is handed over', async () => {
    const first = await heldByFirstOwner();
    const noted = await holds.current(never);
    expect(noted).toMatchObject({ brake: 'rewound', upTo: null });
    await first.stop();
    const second = stage.work({ facts });
    await second.becomes('held');
    expect(second.hold).toEqual(noted);
    expect(facts.removed).toEqual([]);
  });

  it('lets go the next owner when it was approved before that one came', async () => {
    const first = await heldByFirstOwner();
    await first.stop();
    await holds.approve({ id: first.hold?.id ?? '', by: 'sre@host', at: 'now' }, never);
    const second = stage.work({ facts });
    await second.reaches(stage.chronicle.source.revision, 2);
    expect(second.states).not.toContain('held');
    expect(stage.found).toEqual(stage.expected);
    // What was approved is carried out: neither note is left.
    await until(async () => (await holds.current(never)) === null, { describe: 'no hold' });
    if (first.hold === null) throw new Error('it was held');
    expect(await holds.approved(first.hold, never)).toBeNull();
  });

  it('is noted again when the coordination etcd has forgotten it', async () => {
    const first = await heldByFirstOwner();
    const noted = await holds.current(never);
    await facts.remove('destinations/codfw/hold');
    await until(async () => (await holds.current(never)) !== null, { describe: 'the hold' });
    expect(await holds.current(never)).toEqual(noted);
    expect(first.lastState).toBe('held');
  });
});

it('the hold of a resync that nobody needs any more is removed', async () => {
  const { chronicle } = stage;
  const id = `${chronicle.stream.id}/base/1-1-other/filter/7`;
  await holds.note({ id, brake: 'deletes', evidence: 'many', upTo: null, deletes: 7 }, never);
  const first = stage.work();
  await first.reaches(chronicle.source.revision);
  await first.stop();
  const second = stage.work({ facts });
  await second.becomes('streaming');
  expect(await holds.current(never)).toBeNull();
});
