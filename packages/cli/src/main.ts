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

/** 0 ok; 1 failed, or differences found; 2 usage, or could not compare or reach; 78 bad configuration (sysexits.h EX_CONFIG). */
const EXIT = { failed: 1, usage: 2, config: 78 } as const;

/** Of a node's answer: what the command asked for was not there, or could not be compared. */
const USAGE_PROBLEMS: readonly string[] = ['CANNOT_COMPARE', 'UNKNOWN_DESTINATION'];

function buildProgram(finish: (code: number) => void): Command {
  const program = new Command('tidemark')
    .description(
      'Replicates one etcd v3 cluster through a durable journal to many destinations, exactly once in effect.',
    )
    .version(VERSION)
    .option('-c, --config <file>', 'configuration of this node (default: $TIDEMARK_CONFIG)')
    .addOption(
      new Option('-o, --output <format>', 'how results are printed').choices(['table', 'json']).default('table'),
    )
    .option('--timeout <duration>', 'how long a node may take to answer', '10s')
    .option('--no-color', 'plain text')
    .exitOverride()
    .configureHelp({ showGlobalOptions: true });
  const action =
    <A extends unknown[]>(run: (context: CommandContext, ...args: A) => Promise<number>) =>
    async (...args: unknown[]) => {
      const context = new CommandContext(program.opts<GlobalOptions>());
      finish(await run(context, ...(args as A)));
    };

  program
    .command('run')
    .description('the daemon: campaigns for leader and works for destinations')
    .addOption(
      new Option('--log-level <level>', 'least important lines to log')
        .choices(['debug', 'info', 'warn', 'error'])
        .default('info'),
    )
    .action(action((context, options: RunOptions) => runCommand(context, options)));
  program
    .command('check-config')
    .description('validates the configuration; every problem as FILE:LINE:COLUMN: key: what is wrong')
    .action(action(checkConfig));
  program.command('schema').description('JSON Schema of the configuration, for editors').action(action(printSchema));
  program.command('status').description('leader, nodes, journal and every destination').action(action(statusCommand));
  program
    .command('verify <destination>')
    .description('compares a destination with the source at one position; exit code 1 when different')
    .option('--repair', 'writes what differs, and only that, and compares again')
    .action(
      action((context, destination: string, options: VerifyOptions) => verifyCommand(context, destination, options)),
    );
  program
    .command('explain [destination]')
    .description('in sentences: what state, why, what is safe, the next command')
    .action(action((context, destination: string | undefined) => explainCommand(context, destination)));
  program
    .command('pause <destination>')
    .description('stops applying to a destination, over restarts, until it is resumed')
    .action(action((context, destination: string) => pauseCommand(context, destination)));
  program
    .command('resume <destination>')
    .description('goes on with a paused destination')
    .action(action((context, destination: string) => resumeCommand(context, destination)));
  program
    .command('resync <destination>')
    .description('compares a destination with a new snapshot of the source and writes what differs')
    .option('--plan', 'only shows which keys would appear, change and disappear, under the routes of the given file')
    .action(
      action((context, destination: string, options: ResyncOptions) => resyncCommand(context, destination, options)),
    );
  program
    .command('approve <destination>')
    .description('lets go what a destination is held for: exactly what `status` shows')
    .action(action((context, destination: string) => approveCommand(context, destination)));
  const journal = program.command('journal').description('looks into the journal');
  journal
    .command('info')
    .description('extent, size and deviations from the configuration')
    .action(action(journalInfoCommand));
  journal
    .command('cat')
    .description('prints records, oldest first')
    .option('--from <revision>', 'first source revision')
    .option('--to <revision>', 'last source revision')
    .option('--prefix <prefix>', 'only changes of keys with this prefix')
    .action(action((context, options: CatOptions) => journalCatCommand(context, options)));
  const snapshot = program.command('snapshot').description('complete copies of the source, kept beside the journal');
  snapshot.command('list').description('all that are stored, oldest first').action(action(snapshotListCommand));
  snapshot
    .command('create')
    .description('makes the leader take one now; allow it time with --timeout')
    .action(action(snapshotCreateCommand));
  program.command('step-down').description('makes the leader hand over').action(action(stepDownCommand));
  return program;
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
