import {
  AccessDeniedError,
  AmbiguousWriteError,
  DestinationFullError,
  InvariantError,
  silentLogger,
  UnavailableError,
} from '@tidemark/core';
import { checkpointAt, MemoryDestination, never } from '@tidemark/testing';
import { expect, it } from 'vitest';
import { TrackedWriter } from '../src/write/tracked-writer.js';

const details = { message: 'A test asked for this.', remedy: 'None needed.' };

/** Fails with whatever a test asks for, and carries out nothing then. */
class FailingDestination extends MemoryDestination {
  failure: unknown = null;

  override async apply(...call: Parameters<MemoryDestination['apply']>) {
    if (this.failure !== null) throw this.failure;
    return await super.apply(...call);
  }
}

async function failedWith(failure: unknown) {
  const inner = new FailingDestination();
  const writer = new TrackedWriter(inner, silentLogger);
  await writer.apply({ writes: [], expected: null, next: checkpointAt(1) }, never);
  inner.failure = failure;
  await expect(writer.apply({ writes: [], expected: checkpointAt(1), next: checkpointAt(2) }, never)).rejects.toBe(
    failure,
  );
  inner.failure = null;
  return writer;
}

it.each([
  new AmbiguousWriteError(details),
  new InvariantError('an answer that cannot be read'),
  new DOMException('aborted', 'AbortError'),
  new Error('anything else'),
])('what failed with "$name" is in doubt until it is fenced off', async (failure) => {
  const writer = await failedWith(failure);
  expect(writer.isInDoubt).toBe(true);
  expect(await writer.fenceOffOwn(never)).toEqual({ ...checkpointAt(1), fence: { offJournal: 0, fencedOff: 1 } });
  expect(writer.isInDoubt).toBe(false);
});

it.each([new UnavailableError(details), new AccessDeniedError(details), new DestinationFullError(details)])(
  'what failed with "$name" is not in doubt: nothing is written because of it',
  async (failure) => {
    const writer = await failedWith(failure);
    expect(writer.isInDoubt).toBe(false);
    expect(await writer.fenceOffOwn(never)).toEqual(checkpointAt(1));
  },
);

it('a write beside the data that is not answered is fenced off with the rest', async () => {
  const inner = new MemoryDestination();
  const writer = new TrackedWriter(inner, silentLogger);
  await writer.apply({ writes: [], expected: null, next: checkpointAt(1) }, never);
  await writer.beside(checkpointAt(1), async () => undefined);
  expect(writer.isInDoubt).toBe(false);
  const silence = new AmbiguousWriteError(details);
  const unanswered = () => Promise.reject(silence);
  await expect(writer.beside(checkpointAt(1), unanswered)).rejects.toBe(silence);
  expect(writer.isInDoubt).toBe(true);
  expect(await writer.fenceOffAll(never)).toBe(true);
  expect(writer.isInDoubt).toBe(false);
  expect(await inner.checkpoint(never)).toEqual({ ...checkpointAt(1), fence: { offJournal: 0, fencedOff: 1 } });
});
