import { silentLogger } from '@tidemark/core';
import { MemoryFacts } from '@tidemark/testing';
import { expect, it } from 'vitest';
import { ControlBoard } from '../src/index.js';

/** Longer than any test may last. */
const NEVER_MS = 3_600_000;

/** A look at these is answered when the test says so. */
class SlowFacts extends MemoryFacts {
  readonly asked: (() => void)[] = [];

  override async list(prefix: string): Promise<ReadonlyMap<string, string>> {
    await new Promise<void>((resolve) => {
      this.asked.push(resolve);
    });
    return await super.list(prefix);
  }
}

it('a look that is asked for while one is under way follows at once', async () => {
  const stop = new AbortController();
  const facts = new SlowFacts();
  const board = new ControlBoard(facts, silentLogger, NEVER_MS);
  const running = board.run(stop.signal);
  // What the look under way will say may be older than the question.
  const looked = board.lookedAtSince(stop.signal);
  facts.asked.shift()?.();
  await expect.poll(() => facts.asked.length).toBe(1);
  facts.asked.shift()?.();
  await looked;
  stop.abort();
  await running;
});
