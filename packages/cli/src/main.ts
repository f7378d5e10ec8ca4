import { NodeUnreachableError, RequestFailedError } from '@tidemark/api';
import { ConfigError, describeError, TidemarkError } from '@tidemark/core';
import { CommanderError } from 'commander';
import { OutputError, UsageError } from './base/errors.js';
import { OutputEndedError, OutputStream } from './base/output.js';
import { commandTree } from './commands/tree.js';

/** 0: ok. 1: failed, or differences found. 2: wrong usage, could not compare, or no node answered. 78: bad configuration (sysexits.h EX_CONFIG). */
const EXIT = { failed: 1, usage: 2, config: 78 } as const;

/** Codes of a node's answer: what the command asked for is not there, or cannot be compared. */
const USAGE_PROBLEMS: readonly string[] = ['CANNOT_COMPARE', 'UNKNOWN_DESTINATION'];

/** Prints what went wrong and what to do. Returns the exit code. */
function report(error: unknown): number {
  // Why, if that matters, the stream itself says.
  if (error instanceof OutputEndedError) return 0;
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT.usage;
  const print = (text: string) => process.stderr.write(`${text}\n`);
  if (error instanceof ConfigError) {
    print(error.message);
    return EXIT.config;
  }
  if (error instanceof TidemarkError) {
    print(`${error.message}\n${error.remedy}`);
    return isUsage(error) ? EXIT.usage : EXIT.failed;
  }
  print(error instanceof Error ? (error.stack ?? error.message) : String(error));
  return EXIT.failed;
}

function isUsage(error: TidemarkError): boolean {
  if (error instanceof RequestFailedError) return USAGE_PROBLEMS.includes(error.code);
  return error instanceof UsageError || error instanceof NodeUnreachableError;
}

/**
 * Runs the command that `argv` names. Resolves with the exit code when everything that was printed has left the process,
 * which may end then. What went wrong is printed on stderr.
 */
export async function main(argv: readonly string[]): Promise<number> {
  const [stdout, stderr] = [new OutputStream(process.stdout), new OutputStream(process.stderr)];
  const exitCode = await run(argv);
  const cause = await stdout.flush();
  const printed = cause === null ? 0 : report(unwritten(cause));
  await stderr.flush();
  return exitCode === 0 ? printed : exitCode;
}

async function run(argv: readonly string[]): Promise<number> {
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

function unwritten(cause: Error): OutputError {
  return new OutputError({
    message: `Standard output cannot be written: ${describeError(cause)}`,
    remedy: 'What was printed is not complete: run the command again where its output has space.',
    cause,
  });
}
