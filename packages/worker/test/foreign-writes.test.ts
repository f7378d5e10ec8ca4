import { shortWaits, until } from '@tidemark/testing';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { KEYS, Stage } from './support/stage.js';

beforeAll(shortWaits);

let stage: Stage;

beforeEach(async () => {
  stage = await Stage.open();
});

afterEach(() => stage[Symbol.asyncDispose]());

describe('a stranger who writes all the time', () => {
  it('does not keep a destination from following', async () => {
    const worker = stage.work({ repairAutomatically: true });
    await worker.reaches(stage.chronicle.source.revision);
    const stop = new AbortController();
    const writing = (async () => {
      for (let index = 0; !stop.signal.aborted; index++) {
        stage.destination.write(`/b/${index % KEYS}`, 'foreign');
        await new Promise(setImmediate);
      }
    })();
    for (let index = 0; index < 100; index++) {
      stage.chronicle.source.put(`/a/new/${index}`, 'x');
      await stage.chronicle.catchUp();
    }
    try {
      await worker.reaches(stage.chronicle.source.revision);
      // The watch rests while a destination is brought up: what was written before it began is found by comparisons only.
      await until(() => worker.foreignKeys.length >= 2 * KEYS, { describe: 'a whole round of the stranger' });
    } finally {
      stop.abort();
    }
    await writing;
    await until(() => [...stage.found.values()].every((value) => value !== 'foreign'), { describe: 'the repair' });
    expect(stage.found).toEqual(stage.expected);
  });
});
