import { hostname, userInfo } from 'node:os';
import type { Pause } from '@tidemark/core';
import type { CommandContext } from './context.js';

/** Who gives an order, as it is kept with it. */
export function whoAsks(): string {
  return `${userInfo().username}@${hostname()}`;
}

export function destinationPath(destination: string): string {
  return `/v1/destinations/${encodeURIComponent(destination)}`;
}

export async function pauseCommand(context: CommandContext, destination: string): Promise<number> {
  const options = { method: 'POST', body: { by: whoAsks() } } as const;
  const response = await context.request(`${destinationPath(destination)}/pause`, options);
  const { paused } = (await response.json()) as { paused: Pause };
  context.print(
    { destination, paused },
    () =>
      `${destination} stops within a second, and stays stopped over restarts until \`tidemark resume ${destination}\`.\n\`tidemark status\` shows it as paused once nothing is under way to it any more. Its changes wait in the journal, for as long as the headroom there.`,
  );
  return 0;
}

export async function resumeCommand(context: CommandContext, destination: string): Promise<number> {
  await context.request(`${destinationPath(destination)}/resume`, { method: 'POST', body: { by: whoAsks() } });
  context.print({ destination, resumed: true }, () => `${destination} goes on within a second.`);
  return 0;
}
