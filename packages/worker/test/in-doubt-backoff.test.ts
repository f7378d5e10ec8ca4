import { createRequire, syncBuiltinESMExports } from 'node:module';
import type { setTimeout as delay } from 'node:timers/promises';
import { AmbiguousWriteError, type ApplyRequest, type ApplyResult } from '@tidemark/core';
import { MemoryDestination, never, until } from '@tidemark/testing';
import { expect, it } from 'vitest';
import { Chronicle } from './support/chronicle.js';
import { WorkerNode } from './support/worker-node.js';

/** Too slow for transactions with data, which get no answer and are not carried out; quick enough for all else. */
class SlowDestination extends MemoryDestination {
  slow = false;

  override async apply(request: ApplyRequest, signal: AbortSignal): Promise<ApplyResult> {
    if (!this.slow || request.writes.length === 0) return await super.apply(request, signal);
    throw new AmbiguousWriteError({ message: 'No answer came.', remedy: 'None needed: a test asked for this.' });
  }
}

/** Nobody waits; which waits were asked for, in milliseconds. */
function recordedWaits(): { readonly waits: number[]; readonly restore: () => void } {
  const waits: number[] = [];
  const timers = createRequire(import.meta.url)('node:timers/promises') as { setTimeout: typeof delay };
  const original = timers.setTimeout;
  timers.setTimeout = (ms, value, options) => {
    waits.push(ms ?? 0);
    return original(1, value, options);
  };
  syncBuiltinESMExports();
  const restore = () => {
    timers.setTimeout = original;
    syncBuiltinESMExports();
  };
  return { waits, restore };
}

it('a destination that stays silent is tried less and less often, although what is in doubt is fenced off each time', async () => {
  const chronicle = new Chronicle();
  chronicle.source.put('/a/1', 'x');
  await chronicle.reset();
  const destination = new SlowDestination();
  const worker = new WorkerNode(chronicle, destination);
  const { waits, restore } = recordedWaits();
  try {
    await worker.becomes('streaming');
    destination.slow = true;
    chronicle.source.put('/a/1', 'y');
    await chronicle.catchUp();
    const closed = async () => (await destination.checkpoint(never))?.fence?.fencedOff ?? 0;
    await until(async () => (await closed()) > 8, { describe: 'eight attempts' });
    // The first pause after something was applied, and after nothing else.
    expect(waits.filter((ms) => ms >= 75 && ms <= 100).length).toBeLessThanOrEqual(2);
  } finally {
    restore();
    await worker.stop();
  }
});
