import type { Position } from '@tidemark/core';
import type { CommandContext } from './context.js';

interface VerifyAnswer {
  readonly position: Position;
  readonly compared: number;
  readonly missing: number;
  readonly different: number;
  readonly extra: number;
  readonly keys: readonly { readonly kind: string; readonly key: string | { readonly base64: string } }[];
}

/** Exit code 0 when equal, 1 when different; 2 (could not compare) comes from the error. */
export async function verifyCommand(context: CommandContext, destination: string): Promise<number> {
  const response = await context.request(`/v1/destinations/${encodeURIComponent(destination)}/verify`, {
    method: 'POST',
  });
  const answer = (await response.json()) as VerifyAnswer;
  const differences = answer.missing + answer.different + answer.extra;
  context.print({ destination, equal: differences === 0, ...answer }, () => describe(destination, answer, differences));
  return differences === 0 ? 0 : 1;
}

function describe(destination: string, answer: VerifyAnswer, differences: number): string {
  const at = `at revision ${answer.position.revision} of generation ${answer.position.generation}`;
  if (differences === 0) return `${destination} is equal to the source ${at}: ${answer.compared} keys compared.`;
  const listed = answer.keys.map(
    ({ kind, key }) => `  ${kind.padEnd(9)} ${typeof key === 'string' ? key : `base64:${key.base64}`}`,
  );
  const more = differences > listed.length ? [`  and ${differences - listed.length} more`] : [];
  return [
    `${destination} differs from the source ${at}: ${answer.missing} missing, ${answer.different} different, ${answer.extra} extra (${answer.compared} compared).`,
    ...listed,
    ...more,
  ].join('\n');
}
