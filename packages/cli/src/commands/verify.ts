import { formatJsonBytes, type VerifyAnswer } from '@tidemark/api';
import type { CommandContext } from './context.js';
import { listKeys } from './differences.js';

export interface VerifyOptions {
  readonly repair?: boolean;
}

/** Exit code 0 when equal or repaired, 1 when different. An error sets 2 (could not compare). */
export async function verifyCommand(
  context: CommandContext,
  destination: string,
  { repair = false }: VerifyOptions,
): Promise<number> {
  return repair ? await repairDestination(context, destination) : await compare(context, destination);
}

async function compare(context: CommandContext, destination: string): Promise<number> {
  const answer = await context.client.call('verify', { params: { name: destination } });
  const equal = drift(answer) === 0;
  context.print('verify', { destination, equal, ...answer }, () => describe(destination, answer));
  return equal ? 0 : 1;
}

async function repairDestination(context: CommandContext, destination: string): Promise<number> {
  const { found, repaired, left } = await context.client.call('repair', { params: { name: destination } });
  const equal = drift(left) === 0;
  context.print('verify --repair', { destination, equal, found, repaired, left }, () =>
    drift(found) === 0
      ? describe(destination, found)
      : [
          describe(destination, found),
          `Put ${repaired.puts}, deleted ${repaired.deletes}.`,
          ...repaired.refused.map(({ key, reason }) => `Not repaired: ${formatJsonBytes(key)}: ${reason}`),
          describe(destination, left),
        ].join('\n'),
  );
  return equal ? 0 : 1;
}

function drift({ missing, different, extra }: VerifyAnswer): number {
  return missing + different + extra;
}

function describe(destination: string, answer: VerifyAnswer): string {
  const at = `at revision ${answer.position.revision} of generation ${answer.position.generation}`;
  if (drift(answer) === 0) return `${destination} is equal to the source ${at}: ${answer.compared} keys compared.`;
  return [
    `${destination} differs from the source ${at}: ${answer.missing} missing, ${answer.different} different, ${answer.extra} extra (${answer.compared} compared).`,
    ...listKeys(answer.keys, drift(answer), (kind) => kind),
  ].join('\n');
}
