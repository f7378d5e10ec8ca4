import type { CommandContext } from './context.js';

export async function stepDownCommand(context: CommandContext): Promise<number> {
  const answer = await context.client.call('stepDown');
  context.print('step-down', answer, () => 'The leader hands over. `tidemark status` shows the next leader.');
  return 0;
}
