import { expect, it } from 'vitest';
import { CommandContext } from '../src/commands/context.js';

function timeoutOf(timeout: string): number {
  return new CommandContext({ output: 'table', timeout }).timeoutMs;
}

it.each(['0s', '30d', '25h', 'soon'])('refuses --timeout %s', (timeout) => {
  expect(() => timeoutOf(timeout)).toThrow(`--timeout ${timeout} is no duration of up to one day.`);
});

it('takes a --timeout of up to one day', () => {
  expect([timeoutOf('1ms'), timeoutOf('1d')]).toEqual([1, 86_400_000]);
});
