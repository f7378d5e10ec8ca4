import type { PipelineStatus } from '../admin/status.js';
import { UsageError } from '../errors.js';
import { type Explanation, explain } from '../explain.js';
import type { CommandContext } from './context.js';

/** All destinations, or the one that is named. */
export async function explainCommand(context: CommandContext, destination: string | undefined): Promise<number> {
  const status = (await (await context.request('/v1/status')).json()) as PipelineStatus;
  const chosen = status.destinations.filter(({ name }) => destination === undefined || name === destination);
  if (chosen.length === 0) {
    throw new UsageError({
      message: `There is no destination "${destination}".`,
      remedy: `Use one of: ${status.destinations.map(({ name }) => name).join(', ')}.`,
    });
  }
  const explanations = chosen.map((each) => explain(status, each));
  context.print(destination === undefined ? explanations : (explanations[0] ?? {}), () =>
    explanations.map(tell).join('\n\n'),
  );
  return 0;
}

function tell({ destination, state, since, what, why, safe, next }: Explanation): string {
  return [
    `${destination}: ${state} since ${since}`,
    `  what  ${what}`,
    ...(why === null ? [] : [`  why   ${why}`]),
    `  safe  ${safe}`,
    ...(next === null ? [] : [`  next  ${next}`]),
  ].join('\n');
}
