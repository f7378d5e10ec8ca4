import { Backoff, type Logger, silentLogger, UnavailableError } from '@tidemark/core';
import { shortWaits, until } from '@tidemark/testing';
import { afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { Stage } from './support/stage.js';

beforeAll(shortWaits);

let stage: Stage;

beforeEach(async () => {
  stage = await Stage.open();
});

afterEach(async () => {
  vi.restoreAllMocks();
  await stage[Symbol.asyncDispose]();
});

it('a destination that refuses what waits is not streaming in between its attempts', async () => {
  const worker = stage.work();
  await worker.reaches(stage.chronicle.source.revision);
  stage.destination.refuse();
  await stage.put('/a/1', 'refused');
  await worker.becomes('backing_off');
  const before = worker.states.length;
  const { faults } = stage.destination;
  await until(() => stage.destination.faults > faults + 3, { describe: 'more attempts' });
  expect(new Set(worker.states.slice(before))).toEqual(new Set(['backing_off']));
  stage.destination.recover();
  await worker.becomes('streaming');
  expect(stage.found).toEqual(stage.expected);
});

it('a destination that is back is streaming as soon as something is applied, also when changes never cease', async () => {
  const worker = stage.work();
  await worker.reaches(stage.chronicle.source.revision);
  stage.destination.refuse();
  await stage.put('/a/1', 'refused');
  await worker.becomes('backing_off');
  stage.destination.recover();
  let changes = 0;
  // It never rests, and so is never asked where it stands.
  const goesOn = async () => {
    await stage.put('/a/1', `${++changes}`);
    return worker.lastState === 'streaming';
  };
  await until(goesOn, { everyMs: 1, describe: 'streaming' });
});

it('a destination that is back is streaming, although there is nothing to apply', async () => {
  const worker = stage.work();
  await worker.reaches(stage.chronicle.source.revision);
  stage.destination.available = false;
  await worker.becomes('backing_off');
  stage.destination.available = true;
  await worker.becomes('streaming');
});

it('a destination that is back is streaming, although the change that waits is due only later', async () => {
  const worker = stage.work({ delayMs: 60 * 60_000 });
  await worker.becomes('streaming');
  stage.destination.available = false;
  await stage.put('/a/1', 'in an hour');
  await worker.becomes('backing_off');
  stage.destination.available = true;
  await worker.becomes('streaming');
});

it('a destination that fails again, for the reason of the last time, is reported in the log again', async () => {
  let warnings = 0;
  const logger: Logger = {
    ...silentLogger,
    warn: () => {
      warnings++;
    },
  };
  const worker = stage.work({ logger });
  await worker.reaches(stage.chronicle.source.revision);
  for (let time = 1; time <= 2; time++) {
    const { faults } = stage.destination;
    stage.destination.refuse();
    await stage.put('/a/1', `refused ${time}`);
    await until(() => stage.destination.faults > faults + 3, { describe: 'several attempts' });
    expect(warnings).toBe(time);
    stage.destination.recover();
    await worker.becomes('streaming');
  }
});

it('a destination that refused a repair, and refuses what shows that, is not streaming in between its attempts', async () => {
  const worker = stage.work();
  await worker.reaches(stage.chronicle.source.revision);
  await worker.becomes('streaming');
  stage.destination.write('/b/1', 'foreign');
  stage.destination.refuse();
  await expect(worker.repair(['/b/1'])).rejects.toThrow(UnavailableError);
  await worker.becomes('backing_off');
  const before = worker.states.length;
  const { faults } = stage.destination;
  await until(() => stage.destination.faults > faults + 3, { describe: 'more attempts' });
  expect(new Set(worker.states.slice(before))).toEqual(new Set(['backing_off']));
});

it('a resync that is refused after its mark is tried less and less often', async () => {
  const next = vi.spyOn(Backoff.prototype, 'next');
  stage.destination.refuseWrites();
  stage.work();
  const delays = () => next.mock.results.map(({ value }) => Number(value));
  await until(() => delays().some((delay) => delay > 1_000), {
    describe: () => `longer waits than ${delays().join()}`,
  });
});

it('a message that is missing in the journal costs one resync, from a snapshot after it', async () => {
  const { chronicle } = stage;
  const first = stage.work();
  await first.reaches(chronicle.source.revision);
  await first.stop();
  const missing = chronicle.source.revision + 1;
  await stage.put('/a/1', 'in the message that is missing');
  await stage.put('/a/2', 'after it');
  chronicle.journal.loseMessage(missing);
  const second = stage.work();
  // There is a snapshot already, of before the gap.
  await until(async () => (await stage.facts.list('snapshots/requested/')).size > 0, {
    describe: 'a newer one is wanted',
  });
  expect(stage.found.get('/b/1')).not.toContain('missing');
  await chronicle.snapshot();
  await stage.put('/a/3', 'after the snapshot');
  await second.reaches(chronicle.source.revision);
  expect(stage.found).toEqual(stage.expected);
  const resyncs = second.states.filter(
    (state, index) => state === 'bootstrapping' && second.states[index - 1] !== state,
  );
  expect(resyncs).toHaveLength(1);
});
