import { hostname, userInfo } from 'node:os';
import type { CommandContext } from './context.js';

/** Who gives an order, as it is kept with it. */
export function whoAsks(): string {
  return `${userInfo().username}@${hostname()}`;
}

export async function pauseCommand(context: CommandContext, destination: string): Promise<number> {
  const { paused } = await context.client.call('pause', { params: { name: destination }, body: { by: whoAsks() } });
  context.print(
    'pause',
    { destination, paused },
    () =>
      `${destination} stops within a second, and stays stopped over restarts until \`tidemark resume ${destination}\`.\n\`tidemark status\` shows it as paused once nothing is under way to it any more. Its changes wait in the journal, for as long as the headroom there.`,
  );
  return 0;
}

export async function resumeCommand(context: CommandContext, destination: string): Promise<number> {
  const { resumed } = await context.client.call('resume', { params: { name: destination }, body: { by: whoAsks() } });
  context.print('resume', { destination, resumed }, () => `${destination} goes on within a second.`);
  return 0;
}
