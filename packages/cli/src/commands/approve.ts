import { createInterface } from 'node:readline/promises';
import { RequestFailedError } from '@tidemark/api';
import type { Hold } from '@tidemark/core';
import { UsageError } from '../base/errors.js';
import type { CommandContext } from './context.js';
import { whoAsks } from './orders.js';

export interface ApproveOptions {
  /** Id of the hold that was shown. */
  readonly hold?: string;
}

/**
 * Approves exactly one hold: the one that `--hold` names, or, on a terminal, the one that is shown and confirmed here. What
 * holds a destination can change between two looks, so nothing is approved that nobody saw. Exit code 1 when nothing is
 * held, when another evidence holds it by now, or when the question is answered with no.
 * @throws UsageError without `--hold` and without a terminal
 */
export async function approveCommand(
  context: CommandContext,
  destination: string,
  { hold: id }: ApproveOptions,
): Promise<number> {
  const { client } = context;
  const params = { name: destination };
  const { hold } = await client.call('hold', { params });
  if (hold === null) {
    context.print('approve', { approved: null }, () => `${destination} is not held, there is nothing to approve.`);
    return 1;
  }
  if (id === undefined && !(await isConfirmed(context, destination, hold))) return 1;
  try {
    const { approved } = await client.call('approve', { params, body: { id: id ?? hold.id, by: whoAsks() } });
    context.print('approve', { approved }, () => `Approved for ${destination}, held since ${approved.since}.`);
    return 0;
  } catch (error) {
    if (!(error instanceof RequestFailedError) || error.code !== 'NOTHING_HELD') throw error;
    process.stderr.write(`${error.message} Nothing was approved.\n${shown(destination, hold)}`);
    context.print('approve', { approved: null }, () => '');
    return 1;
  }
}

async function isConfirmed(context: CommandContext, destination: string, hold: Hold): Promise<boolean> {
  if (!context.isTerminal) {
    throw new UsageError({
      message: `Name the hold that you approve: ${destination} can be held for something else by now.`,
      remedy: `It is held now for: ${hold.evidence} If this may happen: tidemark approve ${destination} --hold ${hold.id}`,
    });
  }
  process.stderr.write(shown(destination, hold));
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test(await lines.question('Approve exactly this? [y/N] '));
  } finally {
    lines.close();
  }
}

function shown(destination: string, { id, since, brake, evidence }: Hold): string {
  return `${destination} is held by the brake ${brake} since ${since}:\n  ${evidence}\n  hold ${id}\n`;
}
