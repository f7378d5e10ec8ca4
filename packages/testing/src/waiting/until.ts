import { setTimeout as delay } from 'node:timers/promises';
import { describeError, TidemarkError } from '@tidemark/core';

export interface UntilOptions {
  /** 10 s unless given. Above what a loaded machine needs: a test that waits in vain is red anyway. */
  readonly timeoutMs?: number;
  readonly everyMs?: number;
  /** What is awaited, in words; called when the time is over, so that it can say what was last seen. */
  readonly describe: string | (() => string);
}

/** A condition did not come true in time. */
export class WaitedInVainError extends TidemarkError {
  readonly code = 'TEST_WAITED_IN_VAIN';
}

export type Falsy = false | undefined | null | 0 | '';

const witnesses = new Set<() => string>();

/** What it returns is added to the message of every test that waits in vain, until the returned function is called. */
export function bearWitness(witness: () => string): () => void {
  witnesses.add(witness);
  return () => witnesses.delete(witness);
}

/**
 * Asks until the answer is truthy and returns it. A condition that throws counts as "not yet", one that hangs ends with
 * the time limit; the message shows the last answer or error.
 */
export async function until<T>(
  condition: () => T | Falsy | Promise<T | Falsy>,
  { timeoutMs = 10_000, everyMs = 20, describe }: UntilOptions,
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  let seen = 'no answer yet';
  while (performance.now() < deadline) {
    try {
      const answer = await within(condition, deadline);
      if (answer) return answer;
      seen = `last answer: ${String(answer)}`;
    } catch (error) {
      seen = `last error: ${describeError(error)}`;
    }
    await delay(everyMs);
  }
  const what = typeof describe === 'string' ? describe : describe();
  throw new WaitedInVainError({
    message: [
      `waited ${timeoutMs} ms in vain for: ${what} (${seen})`,
      ...[...witnesses].map((witness) => witness()),
    ].join('\n'),
    remedy: 'Look at the logs of the servers and of the code under test around this time.',
  });
}

/** Asked a thousand times in some tests: a timer by callback, as an aborted signal costs a stack trace each time. */
async function within<T>(condition: () => T | Promise<T>, deadline: number): Promise<T> {
  const answer = condition();
  if (!(answer instanceof Promise)) return answer;
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<never>((_, reject) => {
    const fail = () => reject(new Error('the condition itself did not answer'));
    timer = setTimeout(fail, Math.max(0, deadline - performance.now()));
  });
  try {
    return await Promise.race([answer, tooLate]);
  } finally {
    clearTimeout(timer);
  }
}
