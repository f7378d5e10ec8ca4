import type { Explanation } from '@tidemark/api';
import { UsageError } from '../base/errors.js';
import { explain } from '../status/explain.js';
import type { CommandContext } from './context.js';

/** All destinations, or the one that is named. */
export async function explainCommand(context: CommandContext, destination: string | undefined): Promise<number> {
  const status = await context.client.call('status');
  const chosen = status.destinations.filter(({ name }) => destination === undefined || name === destination);
  if (chosen.length === 0) {
    throw new UsageError({
      message: `There is no destination "${destination}".`,
      remedy: `Use one of: ${status.destinations.map(({ name }) => name).join(', ')}.`,
    });
  }
  const explanations = chosen.map((each) => explain(status, each));
  const [only = explanations] = destination === undefined ? [] : explanations;
  context.print('explain', only, () => explanations.map(describe).join('\n\n'));
  return 0;
}

function describe({ destination, state, since, what, why, safe, next }: Explanation): string {
  return [
    `${destination}: ${state} since ${since}`,
    `  what  ${what}`,
    ...(why === null ? [] : [`  why   ${why}`]),
    `  safe  ${safe}`,
    ...(next === null ? [] : [`  next  ${next}`]),
  ].join('\n');
}
