import { Command, Option } from 'commander';
import { VERSION } from '../base/version.js';
import { type ApproveOptions, approveCommand } from './approve.js';
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
      'Replicates one etcd v3 cluster through a durable journal to many destinations. Each change takes effect exactly once.',
    )
    .version(VERSION)
    .option('-c, --config <file>', 'configuration file of this node (default: $TIDEMARK_CONFIG)')
    .addOption(new Option('-o, --output <format>', 'format of the results').choices(['table', 'json']).default('table'))
    .option('--timeout <duration>', 'how long to wait for the answer of a node', '10s')
    .option('--no-color', 'no colours')
    .exitOverride()
    .configureHelp({ showGlobalOptions: true });
  const action =
    <A extends unknown[]>(run: (context: CommandContext, ...args: A) => Promise<number>) =>
    async (...args: unknown[]) => {
      const context = new CommandContext(program.opts<GlobalOptions>());
      finish(await run(context, ...(args as A)));
    };
  // In the order in which the help shows them.
  addNode(program, action);
  addDestinations(program, action);
  addOrders(program, action);
  addJournal(program, action);
  return program;
}

function addNode(program: Command, action: AsAction): void {
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
    .action(action(checkConfigCommand));
  program
    .command('schema')
    .description('prints the JSON Schema of the configuration, for editors')
    .action(action(schemaCommand));
  program
    .command('status')
    .description('shows the leader, the nodes, the journal and each destination')
    .action(action(statusCommand));
}

function addDestinations(program: Command, action: AsAction): void {
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

function addOrders(program: Command, action: AsAction): void {
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
    .description('approves what a destination is held for, exactly as it was shown')
    .option('--hold <id>', 'the hold that `explain` or `status` showed; on a terminal it is asked for')
    .action(
      action((context, destination: string, options: ApproveOptions) => approveCommand(context, destination, options)),
    );
  program
    .command('step-down')
    .description('makes the leader hand over to another node')
    .action(action(stepDownCommand));
}

function addJournal(program: Command, action: AsAction): void {
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
