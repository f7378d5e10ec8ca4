import type { CommandContext } from './context.js';
import { whoAsks } from './orders.js';

/** Shows what is held and approves exactly that. Exit code 1 when nothing is held. */
export async function approveCommand(context: CommandContext, destination: string): Promise<number> {
  const { client } = context;
  const params = { name: destination };
  const { hold } = await client.call('hold', { params });
  if (hold === null) {
    context.print('approve', { approved: null }, () => `${destination} is not held: there is nothing to approve.`);
    return 1;
  }
  await client.call('approve', { params, body: { id: hold.id, by: whoAsks() } });
  context.print(
    'approve',
    { approved: hold },
    () => `Approved. ${destination} was held since ${hold.since}:\n  ${hold.evidence}`,
  );
  return 0;
}
