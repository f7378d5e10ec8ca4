import { Command, Option } from 'commander';
import { VERSION } from '../base/version.js';
import { approveCommand } from './approve.js';
import { checkConfigCommand, schemaCommand } from './configuration.js';
import { CommandContext, type GlobalOptions } from './context.js';
import { explainCommand } from './explain.js';
import { type CatOptions, journalCatCommand, journalInfoCommand } from './journal.js';
import { pauseCommand, resumeCommand } from './orders.js';
import { type ResyncOptions, resyncCommand } from './resync.js';
import { type RunOptions, runCommand } from './run.js';
import { snapshotCreateCommand, snapshotListCommand } from './snapshot.js';
import { statusCommand } from './status.js';
import { stepDownCommand } from './step-down.js';
import { type VerifyOptions, verifyCommand } from './verify.js';

/** A command of ours as commander calls it: the arguments, then the options. */
type AsAction = <A extends unknown[]>(
  run: (context: CommandContext, ...args: A) => Promise<number>,
) => (...args: unknown[]) => Promise<void>;

/** Every command with its arguments and options. `finish` is called with the exit code of the one that has run. */
export function commandTree(finish: (code: number) => void): Command {
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
  // In the order in which the help shows them.
  addOfNode(program, action);
  addReports(program, action);
  addOrders(program, action);
  addOfJournal(program, action);
  return program;
}

function addOfNode(program: Command, action: AsAction): void {
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
    .action(action(checkConfigCommand));
  program.command('schema').description('JSON Schema of the configuration, for editors').action(action(schemaCommand));
}

function addReports(program: Command, action: AsAction): void {
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
}

function addOrders(program: Command, action: AsAction): void {
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
}

/** What the leader writes, and itself. */
function addOfJournal(program: Command, action: AsAction): void {
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
}
