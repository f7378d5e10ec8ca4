import {
  AccessDeniedError,
  AmbiguousWriteError,
  type Checkpoint,
  DestinationFullError,
  InvariantError,
  silentLogger,
  UnavailableError,
} from '@tidemark/core';
import { MemoryDestination } from '@tidemark/testing';
import { expect, it } from 'vitest';
import { AccountedDestination } from '../src/apply/accounted.js';

const never = new AbortController().signal;
const details = { message: 'A test asked for this.', remedy: 'None needed.' };

function at(revision: number): Checkpoint {
  const position = { generation: 1, revision };
  return { journal: 'j', position, filter: 'f', resync: null, partial: null, fence: null };
}

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
  const destination = new AccountedDestination(inner, silentLogger);
  await destination.apply({ writes: [], expected: null, next: at(1) }, never);
  inner.failure = failure;
  await expect(destination.apply({ writes: [], expected: at(1), next: at(2) }, never)).rejects.toBe(failure);
  inner.failure = null;
  return destination;
}

it.each([
  new AmbiguousWriteError(details),
  new InvariantError('an answer that cannot be read'),
  new DOMException('aborted', 'AbortError'),
  new Error('anything else'),
])('what failed with "$name" may be carried out yet, until it is shut out', async (failure) => {
  const destination = await failedWith(failure);
  expect(destination.isUncertain).toBe(true);
  expect(await destination.settle(never)).toEqual({ ...at(1), fence: { amended: 0, closed: 1 } });
  expect(destination.isUncertain).toBe(false);
});

it.each([new UnavailableError(details), new AccessDeniedError(details), new DestinationFullError(details)])(
  'what failed with "$name" is certain not to be: nothing is written because of it',
  async (failure) => {
    const destination = await failedWith(failure);
    expect(destination.isUncertain).toBe(false);
    expect(await destination.settle(never)).toEqual(at(1));
  },
);
