import { type ApplyRequest, type ApplyResult, silentLogger } from '@tidemark/core';
import { checkpointAt, MemoryDestination } from '@tidemark/testing';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { commit } from '../src/write/commit.js';
import { TrackedWriter } from '../src/write/tracked-writer.js';

const checkpoint = checkpointAt(1);
const request: ApplyRequest = { writes: [], expected: checkpoint, next: checkpoint };
const observer = { applied: () => undefined };

/** Answers when the test says so, and gives up when asked to. */
class SlowDestination extends MemoryDestination {
  calls = 0;
  answer: () => void = () => undefined;

  override async apply(_: ApplyRequest, signal: AbortSignal): Promise<ApplyResult> {
    this.calls++;
    return await new Promise((resolve, reject) => {
      this.answer = () => resolve({ outcome: 'applied' });
      signal.addEventListener('abort', () => reject(signal.reason));
    });
  }
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it('a transaction that has begun is finished when the work is to end, for a second, and none is begun after that', async () => {
  const destination = new SlowDestination();
  const writer = new TrackedWriter(destination, silentLogger);
  const first = new AbortController();
  const finished = commit(writer, request, observer, first.signal);
  first.abort();
  await vi.advanceTimersByTimeAsync(900);
  destination.answer();
  await finished;

  await expect(commit(writer, request, observer, first.signal)).rejects.toThrow();
  expect(destination.calls).toBe(1);

  const second = new AbortController();
  const stuck = expect(commit(writer, request, observer, second.signal)).rejects.toThrow();
  second.abort();
  await vi.advanceTimersByTimeAsync(1_000);
  await stuck;
});
