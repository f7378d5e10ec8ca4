import { describe, expect, it } from 'vitest';
import { until, WaitedInVainError } from '../src/index.js';
import { bearWitness } from '../src/waiting/until.js';

describe('until', () => {
  it('returns the first truthy answer', async () => {
    let asked = 0;
    const answer = await until(() => (asked++ < 3 ? undefined : { asked }), { everyMs: 1, describe: 'the fourth' });
    expect(answer).toEqual({ asked: 4 });
  });

  it('says what was awaited and what was last seen', async () => {
    let seen = 0;
    const waiting = until(() => ++seen < 0, { timeoutMs: 30, everyMs: 5, describe: () => `a miracle after ${seen}` });
    await expect(waiting).rejects.toThrow(/30 ms in vain for: a miracle after \d+ \(last answer: false\)/);
    await expect(waiting).rejects.toBeInstanceOf(WaitedInVainError);
  });

  it('takes an error for "not yet" and shows the last one', async () => {
    const refuse = (): never => {
      throw new Error('connection refused');
    };
    await expect(until(refuse, { timeoutMs: 30, describe: 'an answer' })).rejects.toThrow('connection refused');
  });

  it('ends even when the condition never answers', async () => {
    const hang = (): Promise<boolean> => new Promise(() => undefined);
    await expect(until(hang, { timeoutMs: 30, describe: 'an answer' })).rejects.toThrow('did not answer');
  });

  it('adds what is known of the pipelines that are there', async () => {
    const forget = bearWitness(() => 'node1 has lost its lease');
    const waiting = () => until(() => false, { timeoutMs: 10, describe: 'an answer' });
    await expect(waiting()).rejects.toThrow(/an answer \(.*\)\nnode1 has lost its lease$/);
    forget();
    await expect(waiting()).rejects.toThrow(/an answer \(.*\)$/);
  });
});
