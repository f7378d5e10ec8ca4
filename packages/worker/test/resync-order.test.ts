import { never, shortWaits, until } from '@tidemark/testing';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Orders } from '../src/index.js';
import { Stage } from './support/stage.js';

beforeAll(shortWaits);

let stage: Stage;

beforeEach(async () => {
  stage = await Stage.open();
});

afterEach(() => stage[Symbol.asyncDispose]());

describe('a resync', () => {
  it('compares with a snapshot that is not older than the destination, and writes what differs', async () => {
    const worker = stage.work();
    await worker.reaches(stage.chronicle.source.revision);
    stage.chronicle.source.put('/a/since', 'the snapshot');
    await stage.chronicle.catchUp();
    await worker.reaches(stage.chronicle.source.revision);
    stage.destination.write('/b/3', 'somebody else was here');
    stage.destination.write('/b/4', null);
    const written = stage.destination.log.length;
    await new Orders(stage.facts, 'codfw').resync('sre@host', never);
    // The leader is asked for a snapshot.
    await until(async () => (await stage.facts.list('snapshots/requested/')).size === 1, {
      describe: 'a request for a snapshot',
    });
    expect(stage.found.get('/b/3')).toBe('somebody else was here');
    await stage.chronicle.snapshot();
    await until(() => stage.found.get('/b/4') === 'value 4', { describe: 'the destination in order' });
    await worker.becomes('streaming');
    expect(stage.found).toEqual(stage.expected);
    const keys = stage.destination.log.slice(written).flatMap(({ writes }) => writes.map(({ key }) => key.toString()));
    expect(keys.sort()).toEqual(['/b/3', '/b/4']);
    expect((await stage.facts.list('')).keys()).not.toContain('destinations/codfw/resync');
  });
});

it('an order that was carried out, and could not be crossed out, is not carried out once more', async () => {
  const worker = stage.work();
  await worker.reaches(stage.chronicle.source.revision);
  const orders = new Orders(stage.facts, 'codfw');
  stage.facts.failNext('removeExactly', 'destinations/codfw/resync');
  await orders.resync('sre@host', never);
  await until(async () => (await stage.facts.read('destinations/codfw/resync')) === null, {
    describe: 'the order to be crossed out',
  });
  await worker.becomes('streaming');
  expect(stage.facts.failures).toBe(1);
  // One when it began, one that was ordered.
  const resyncs = worker.states.filter(
    (state, index) => state === 'bootstrapping' && worker.states[index - 1] !== state,
  );
  expect(resyncs).toHaveLength(2);
});
