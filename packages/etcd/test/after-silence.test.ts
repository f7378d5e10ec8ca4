import { UnavailableError } from '@tidemark/core';
import { beforeEach, describe, expect, it } from 'vitest';
import { AfterSilence } from '../src/watch/after-silence.js';
import { WatchSilentError } from '../src/watch/liveness.js';

const details = { message: 'a test', remedy: 'none' };

let afterSilence: AfterSilence;
let asked: boolean[];

beforeEach(() => {
  afterSilence = new AfterSilence();
  asked = [];
});

/** Opens a watcher that ends with an error, and returns what it yielded before. */
async function watchUntil(error: Error): Promise<number[]> {
  const seen: number[] = [];
  const open = async function* (fragment: boolean) {
    asked.push(fragment);
    yield asked.length;
    throw error;
  };
  const reading = async () => {
    for await (const item of afterSilence.watch(open)) seen.push(item);
  };
  await expect(reading()).rejects.toBe(error);
  return seen;
}

describe('the watcher after a silence', () => {
  it('asks for no fragments, once', async () => {
    const silence = new WatchSilentError(details);
    expect(await watchUntil(silence)).toEqual([1]);
    await watchUntil(new UnavailableError(details));
    await watchUntil(new UnavailableError(details));
    expect(asked).toEqual([true, false, true]);
  });

  it('does without for as long as one silence follows another', async () => {
    await watchUntil(new WatchSilentError(details));
    await watchUntil(new WatchSilentError(details));
    await watchUntil(new WatchSilentError(details));
    expect(asked).toEqual([true, false, false]);
  });
});
