import { JournalHints, SnapshotRequests, silentLogger } from '@tidemark/core';
import { checkpointAt, MemoryDestination, MemoryFacts, MemorySource, never } from '@tidemark/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import { Filter, planAgainstSource, TrackedWriter, verify } from '../src/index.js';
import { planResync } from '../src/resync/apply-snapshot.js';
import { snapshotNow } from '../src/resync/find-snapshot.js';
import { Chronicle } from './support/chronicle.js';
import { filter, replica } from './support/worker-node.js';

const KEYS = 20;

/** Its pages end quietly once they are aborted, as those of real servers do; a test aborts before the second one. */
class EndingDestination extends MemoryDestination {
  readonly stop = new AbortController();

  override async view(signal: AbortSignal) {
    const view = await super.view(signal);
    const { stop } = this;
    return {
      ...view,
      async *range(...[range]: Parameters<typeof view.range>) {
        for await (const page of view.range(range, never)) {
          if (stop.signal.aborted) return;
          yield page;
          stop.abort();
        }
      },
    };
  }
}

let source: MemorySource;

beforeEach(() => {
  source = new MemorySource();
  for (let index = 0; index < KEYS; index++) source.put(`/a/${index}`, `value ${index}`);
});

/** Equal to the source. */
async function filled<Kind extends MemoryDestination>(destination: Kind): Promise<Kind> {
  for (const [key, value] of replica(source.content())) destination.write(key, value);
  const next = checkpointAt(source.revision, { filter: filter.fingerprint });
  await destination.apply({ writes: [], expected: null, next }, never);
  return destination;
}

describe('a comparison that is aborted half-way', () => {
  it('is no report: what was not read is not missing', async () => {
    const destination = await filled(new EndingDestination({ pageKeys: 4 }));
    await expect(verify(source, destination, filter, destination.stop.signal)).rejects.toThrow();
    expect(destination.stop.signal.aborted).toBe(true);
  });

  it('is no plan of a resync', async () => {
    const chronicle = new Chronicle();
    for (let index = 0; index < KEYS; index++) chronicle.source.put(`/a/${index}`, `value ${index}`);
    await chronicle.reset();
    const destination = await filled(new EndingDestination({ pageKeys: 4 }));
    const { journal } = chronicle;
    const facts = new MemoryFacts();
    const search = { name: 'codfw', journal, hints: new JournalHints(facts), requests: new SnapshotRequests(facts) };
    const snapshot = await snapshotNow({ ...search, delayMs: 0 }, null, never);
    if (snapshot === null) throw new Error('expected a snapshot');
    const task = { from: null, former: filter, journal: chronicle.stream.id, snapshot };
    const observer = { reached: () => undefined, applied: () => undefined };
    const writer = new TrackedWriter(destination, silentLogger);
    const parts = { destination, writer, filter, snapshots: journal.snapshots, observer, logger: silentLogger };
    await expect(planResync(parts, task, destination.stop.signal)).rejects.toThrow();
    expect(destination.stop.signal.aborted).toBe(true);
  });
});

it('a key that several former routes took is counted once', async () => {
  const destination = await filled(new MemoryDestination());
  destination.write('/old/1', 'of both');
  destination.write('/old/2', 'of the first');
  const former = new Filter(
    [
      { prefix: '/old/', exclude: [], leased: 'keep' },
      { prefix: '/x/', rewrite: '/old/1', exclude: [], leased: 'keep' },
    ],
    [],
  );
  const { keys, extra } = await planAgainstSource(source, { destination, filter, former }, never);
  expect(keys.map(({ key }) => key.toString())).toEqual(['/old/1', '/old/2']);
  expect(extra).toBe(2);
});
