import type { KeyDifference } from '@tidemark/api';
import type { CommandContext } from './context.js';
import { listKeys } from './differences.js';
import { whoAsks } from './orders.js';

export interface ResyncOptions {
  readonly plan?: boolean;
}

const VERBS: Readonly<Record<KeyDifference['kind'], string>> = {
  missing: 'appears',
  different: 'changes',
  extra: 'disappears',
};

/** With --plan shows what would change, under the routes of the given file, and changes nothing. */
export async function resyncCommand(
  context: CommandContext,
  destination: string,
  { plan = false }: ResyncOptions,
): Promise<number> {
  return plan ? await showPlan(context, destination) : await orderResync(context, destination);
}

async function showPlan(context: CommandContext, destination: string): Promise<number> {
  // The file may hold routes that no node has loaded yet: the plan shows what they would do.
  const configured = context.config.destinations.find(({ name }) => name === destination);
  const body = configured === undefined ? {} : { routes: configured.routes };
  const answer = await context.client.call('plan', { params: { name: destination }, body });
  const total = answer.missing + answer.different + answer.extra;
  context.print('resync --plan', { destination, ...answer }, () =>
    total === 0
      ? `Nothing would change at ${destination}: ${answer.compared} keys compared.`
      : [
          `At ${destination} ${answer.missing} keys would appear, ${answer.different} would change, ${answer.extra} would disappear (${answer.compared} compared).`,
          ...listKeys(answer.keys, total, (kind) => VERBS[kind]),
        ].join('\n'),
  );
  return 0;
}

async function orderResync(context: CommandContext, destination: string): Promise<number> {
  const body = { by: whoAsks() };
  const answer = await context.client.call('resync', { params: { name: destination }, body });
  context.print(
    'resync',
    { destination, ...answer },
    () =>
      `Ordered: ${destination} is compared with a new snapshot, and what differs is written.\n\`tidemark status\` shows \`streaming\` when it is done, or what holds it.`,
  );
  return 0;
}
