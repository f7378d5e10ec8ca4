import { NodeUnreachableError, RequestFailedError } from '@tidemark/api';
import { ConfigError, configJsonSchema, TidemarkError } from '@tidemark/core';
import { Command, CommanderError, Option } from 'commander';
import { UsageError } from './base/errors.js';
import { VERSION } from './base/version.js';
import { approveCommand } from './commands/approve.js';
import { CommandContext, type GlobalOptions } from './commands/context.js';
import { explainCommand } from './commands/explain.js';
import { type CatOptions, journalCatCommand, journalInfoCommand } from './commands/journal.js';
import { pauseCommand, resumeCommand } from './commands/orders.js';
import { type ResyncOptions, resyncCommand } from './commands/resync.js';
import { type RunOptions, runCommand } from './commands/run.js';
import { snapshotCreateCommand, snapshotListCommand } from './commands/snapshot.js';
import { statusCommand } from './commands/status.js';
import { stepDownCommand } from './commands/step-down.js';
import { type VerifyOptions, verifyCommand } from './commands/verify.js';

/** 0: ok. 1: failed, or differences found. 2: wrong usage, could not compare, or no node answered. 78: bad configuration (sysexits.h EX_CONFIG). */
const EXIT = { failed: 1, usage: 2, config: 78 } as const;

/** Codes of a node's answer: what the command asked for is not there, or cannot be compared. */
const USAGE_PROBLEMS: readonly string[] = ['CANNOT_COMPARE', 'UNKNOWN_DESTINATION'];

type Action = <A extends unknown[]>(
  run: (context: CommandContext, ...args: A) => Promise<number>,
) => (...args: unknown[]) => Promise<void>;

function buildProgram(finish: (code: number) => void): Command {
  const program = new Command('tidemark')
    .description(
      'Replicates one etcd v3 cluster through a durable journal to many destinations. Each change takes effect exactly once.',
    )
    .version(VERSION)
    .option('-c, --config <file>', 'configuration file of this node (default: $TIDEMARK_CONFIG)')
    .addOption(new Option('-o, --output <format>', 'format of the results').choices(['table', 'json']).default('table'))
    .option('--timeout <duration>', 'how long to wait for the answer of a node', '10s')
    .option('--no-color', 'no colours')
    .exitOverride()
    .configureHelp({ showGlobalOptions: true });
  const action: Action =
    <A extends unknown[]>(run: (context: CommandContext, ...args: A) => Promise<number>) =>
    async (...args: unknown[]) => {
      const context = new CommandContext(program.opts<GlobalOptions>());
      finish(await run(context, ...(args as A)));
    };
  addNode(program, action);
  addDestinations(program, action);
  addOrders(program, action);
  addJournal(program, action);
  return program;
}

function addNode(program: Command, action: Action): void {
  program
    .command('run')
    .description('runs a node: it campaigns for leader and works for destinations')
    .addOption(
      new Option('--log-level <level>', 'lowest level of the lines to log')
        .choices(['debug', 'info', 'warn', 'error'])
        .default('info'),
    )
    .action(action((context, options: RunOptions) => runCommand(context, options)));
  program
    .command('check-config')
    .description('checks the configuration; prints each problem as FILE:LINE:COLUMN: key: what is wrong')
    .action(action(checkConfig));
  program
    .command('schema')
    .description('prints the JSON Schema of the configuration, for editors')
    .action(action(printSchema));
  program
    .command('status')
    .description('shows the leader, the nodes, the journal and each destination')
    .action(action(statusCommand));
}

function addDestinations(program: Command, action: Action): void {
  program
    .command('verify <destination>')
    .description('compares a destination with the source at one position; exit code 1 if they differ')
    .option('--repair', 'writes exactly the keys that differ, then compares again')
    .action(
      action((context, destination: string, options: VerifyOptions) => verifyCommand(context, destination, options)),
    );
  program
    .command('explain [destination]')
    .description('says in sentences what the state is, why, what is safe, and which command is next')
    .action(action((context, destination: string | undefined) => explainCommand(context, destination)));
}

function addOrders(program: Command, action: Action): void {
  program
    .command('pause <destination>')
    .description('stops writing to a destination until it is resumed; the pause survives restarts')
    .action(action((context, destination: string) => pauseCommand(context, destination)));
  program
    .command('resume <destination>')
    .description('ends the pause of a destination')
    .action(action((context, destination: string) => resumeCommand(context, destination)));
  program
    .command('resync <destination>')
    .description('compares a destination with a new snapshot of the source, and writes what differs')
    .option('--plan', 'changes nothing; shows which keys would appear, change and disappear, by the routes of the file')
    .action(
      action((context, destination: string, options: ResyncOptions) => resyncCommand(context, destination, options)),
    );
  program
    .command('approve <destination>')
    .description('approves what a destination is held for: exactly what `status` shows')
    .action(action((context, destination: string) => approveCommand(context, destination)));
  program
    .command('step-down')
    .description('makes the leader hand over to another node')
    .action(action(stepDownCommand));
}

function addJournal(program: Command, action: Action): void {
  const journal = program.command('journal').description('shows what is in the journal');
  journal
    .command('info')
    .description('first and last position, size, and settings that differ from the configuration')
    .action(action(journalInfoCommand));
  journal
    .command('cat')
    .description('prints records, oldest first')
    .option('--from <revision>', 'first source revision')
    .option('--to <revision>', 'last source revision')
    .option('--prefix <prefix>', 'only changes of keys with this prefix')
    .action(action((context, options: CatOptions) => journalCatCommand(context, options)));
  const snapshot = program
    .command('snapshot')
    .description('lists or takes complete copies of the source, stored beside the journal');
  snapshot.command('list').description('lists all, oldest first').action(action(snapshotListCommand));
  snapshot
    .command('create')
    .description('makes the leader take one now; a large source needs a longer --timeout')
    .action(action(snapshotCreateCommand));
}

async function checkConfig(context: CommandContext): Promise<number> {
  const { config, configFile } = context;
  context.print(
    'check-config',
    { file: configFile, ok: true, pipeline: config.name },
    () => `${configFile}: ok, pipeline ${config.name}, ${config.destinations.length} destination(s)`,
  );
  return 0;
}

async function printSchema(): Promise<number> {
  process.stdout.write(`${JSON.stringify(configJsonSchema(), null, 2)}\n`);
  return 0;
}

/** Prints what went wrong and what to do, and returns the exit code. */
function report(error: unknown): number {
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

/** Runs the command that `argv` names, and resolves with the exit code. What went wrong is printed on stderr. */
export async function main(argv: readonly string[]): Promise<number> {
  let exitCode = 0;
  const program = buildProgram((code) => {
    exitCode = code;
  });
  try {
    await program.parseAsync(argv);
  } catch (error) {
    exitCode = report(error);
  }
  return exitCode;
}
