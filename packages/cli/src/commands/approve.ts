import type { Hold } from '@tidemark/core';
import type { CommandContext } from './context.js';
import { destinationPath, whoAsks } from './orders.js';

/** Shows what is held and lets exactly that go. Exit code 1 when nothing is held. */
export async function approveCommand(context: CommandContext, destination: string): Promise<number> {
  const path = destinationPath(destination);
  const { hold } = (await (await context.request(`${path}/hold`)).json()) as { hold: Hold | null };
  if (hold === null) {
    context.print({ approved: null }, () => `${destination} is not held, there is nothing to approve.`);
    return 1;
  }
  await context.request(`${path}/approve`, { method: 'POST', body: { id: hold.id, by: whoAsks() } });
  context.print({ approved: hold }, () => `Approved for ${destination}, held since ${hold.since}:\n  ${hold.evidence}`);
  return 0;
}
