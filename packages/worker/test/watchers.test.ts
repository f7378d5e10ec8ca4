import { type ForeignWrite, silentLogger } from '@tidemark/core';
import { MemoryDestination, MemorySource, until } from '@tidemark/testing';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { watchForeignWrites } from '../src/compare/watchers.js';
import type { WorkerObserver } from '../src/index.js';
import { filter } from './support/worker-node.js';

/** Counts the watches that are open. */
class CountingDestination extends MemoryDestination {
  watches = 0;

  override async *foreignWrites(...call: Parameters<MemoryDestination['foreignWrites']>) {
    this.watches++;
    try {
      yield* super.foreignWrites(...call);
    } finally {
      this.watches--;
    }
  }
}

let destination: CountingDestination;
let busy: boolean;
let seen: string[];
let stop: AbortController;
let watching: Promise<void>;

beforeEach(() => {
  destination = new CountingDestination();
  busy = false;
  seen = [];
  stop = new AbortController();
  const observer = {
    foreign: (writes: readonly ForeignWrite[]) => seen.push(...writes.map(({ key }) => key.toString())),
    verified: () => undefined,
  } as Pick<WorkerObserver, 'foreign' | 'verified'>;
  const options = { destination, filter, source: new MemorySource(), logger: silentLogger, verifyEveryMs: null };
  watching = watchForeignWrites({ ...options, observer, busy: () => busy, repair: null }, stop.signal);
});

afterEach(async () => {
  stop.abort();
  await watching;
  expect(destination.watches).toBe(0);
});

const becomes = (watches: number) => until(() => destination.watches === watches, { describe: `${watches} watches` });

it('the watch for foreign writes rests while the destination is brought up, and no longer', async () => {
  await becomes(1);
  busy = true;
  await becomes(0);
  destination.write('/b/unseen', 'x');
  busy = false;
  await becomes(1);
  destination.write('/b/seen', 'x');
  await until(() => seen.length > 0, { describe: 'a foreign write' });
  expect(seen).toEqual(['/b/seen']);
});

it('to rest often is no failure: the watch comes back as soon as it may', async () => {
  // As failures, so many would be followed by a pause of many seconds, in which nobody watches.
  for (let rests = 0; rests < 8; rests++) {
    await becomes(1);
    busy = true;
    await becomes(0);
    busy = false;
  }
  await becomes(1);
});
