import { shortWaits, until } from '@tidemark/testing';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Stage } from './support/stage.js';

beforeAll(shortWaits);

let stage: Stage;

beforeEach(async () => {
  stage = await Stage.open();
});

afterEach(() => stage[Symbol.asyncDispose]());

describe('a delay', () => {
  it('lets changes wait, and applies them when they are old enough', async () => {
    const worker = stage.work({ delayMs: 300 });
    await worker.becomes('streaming');
    const written = Date.now();
    stage.chronicle.source.put('/a/late', 'x');
    await stage.chronicle.catchUp();
    await until(() => stage.found.has('/b/late'), { describe: 'the change' });
    expect(Date.now() - written).toBeGreaterThanOrEqual(300);
  });
});
