import { NodeUnreachableError, RequestFailedError } from '@tidemark/api';
import { ConfigError, TidemarkError } from '@tidemark/core';
import { CommanderError } from 'commander';
import { UsageError } from './base/errors.js';
import { commandTree } from './commands/tree.js';

/** 0 ok; 1 failed, or differences found; 2 usage, or could not compare or reach; 78 bad configuration (sysexits.h EX_CONFIG). */
const EXIT = { failed: 1, usage: 2, config: 78 } as const;

/** Of a node's answer: what the command asked for was not there, or could not be compared. */
const USAGE_PROBLEMS: readonly string[] = ['CANNOT_COMPARE', 'UNKNOWN_DESTINATION'];

/** Prints what went wrong and what to do, and tells the exit code. */
function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT.usage;
  const say = (text: string) => process.stderr.write(`${text}\n`);
  if (error instanceof ConfigError) {
    say(error.message);
    return EXIT.config;
  }
  if (error instanceof TidemarkError) {
    say(`${error.message}\n${error.remedy}`);
    return isUsage(error) ? EXIT.usage : EXIT.failed;
  }
  say(error instanceof Error ? (error.stack ?? error.message) : String(error));
  return EXIT.failed;
}

function isUsage(error: TidemarkError): boolean {
  if (error instanceof RequestFailedError) return USAGE_PROBLEMS.includes(error.code);
  return error instanceof UsageError || error instanceof NodeUnreachableError;
}

/** Runs the command that `argv` names, and resolves with the exit code. What went wrong is told on stderr. */
export async function main(argv: readonly string[]): Promise<number> {
  let exitCode = 0;
  const program = commandTree((code) => {
    exitCode = code;
  });
  try {
    await program.parseAsync(argv);
  } catch (error) {
    exitCode = report(error);
  }
  return exitCode;
}
