import type { CommandContext } from './context.js';

export async function stepDownCommand(context: CommandContext): Promise<number> {
  const answer = await context.client.call('stepDown');
  context.print('step-down', answer, () => 'The leader is handing over; `tidemark status` shows who leads next.');
  return 0;
}
