import { hostname, userInfo } from 'node:os';
import type { CommandContext } from './context.js';

/** Who gives an order; kept with it. */
export function whoAsks(): string {
  return `${userInfo().username}@${hostname()}`;
}

export async function pauseCommand(context: CommandContext, destination: string): Promise<number> {
  const { paused } = await context.client.call('pause', { params: { name: destination }, body: { by: whoAsks() } });
  context.print(
    'pause',
    { destination, paused },
    () =>
      `Tidemark stops writing to ${destination} within a second. The pause survives restarts; \`tidemark resume ${destination}\` ends it.\n\`tidemark status\` shows \`paused\` once nothing can be written any more. Changes wait in the journal for as long as HEADROOM there says.`,
  );
  return 0;
}

export async function resumeCommand(context: CommandContext, destination: string): Promise<number> {
  const { resumed } = await context.client.call('resume', { params: { name: destination }, body: { by: whoAsks() } });
  context.print('resume', { destination, resumed }, () => `The pause of ${destination} ends within a second.`);
  return 0;
}
