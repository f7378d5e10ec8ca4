import type { CommandContext } from './context.js';

export async function stepDownCommand(context: CommandContext): Promise<number> {
  await context.request('/v1/step-down', { method: 'POST' });
  context.print({ steppedDown: true }, () => 'The leader is handing over; `tidemark status` shows who leads next.');
  return 0;
}
