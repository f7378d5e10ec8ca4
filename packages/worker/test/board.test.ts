import { silentLogger } from '@tidemark/core';
import { MemoryFacts } from '@tidemark/testing';
import { expect, it } from 'vitest';
import { ControlBoard, Orders } from '../src/index.js';

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

it('a note that nothing is under way is one for the pause that it names, and for no later one', async () => {
  const stop = new AbortController();
  const facts = new MemoryFacts();
  const orders = new Orders(facts, 'codfw');
  const first = await orders.pause('sre@host', stop.signal);
  await orders.noteQuiesced(first, stop.signal);
  const board = new ControlBoard(facts, silentLogger, 1);
  const running = board.run(stop.signal);
  const controls = board.of('codfw');
  await controls.ready(stop.signal);
  expect(controls.isQuiesced).toBe(true);
  // The owner that crosses it out may be gone half-way.
  await facts.write('destinations/codfw/pause', JSON.stringify({ ...first, at: 'later' }));
  await controls.ready(stop.signal);
  expect(controls.isQuiesced).toBe(false);
  stop.abort();
  await running;
});
