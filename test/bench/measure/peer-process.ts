import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { tied } from '../../../scripts/lib/tied.mjs';

const STOP_LIMIT_MS = 20_000;
/** Enough for every line a node logs at level `info` in a run. */
const OUTPUT_LIMIT = 4 * 1024 * 1024;

/** A replicator as a process of its own, started the same way whichever it is. */
export class PeerProcess implements AsyncDisposable {
  /** When it was spawned, milliseconds since the epoch. */
  readonly spawnedAt = Date.now();
  private readonly child: ChildProcess;
  private output = '';

  constructor(
    readonly name: string,
    what: { readonly command: string; readonly args: readonly string[] },
  ) {
    const { command, args } = tied(what.command, what.args, 'KILL');
    const { PATH, HOME, TMPDIR } = process.env;
    const env = { PATH, HOME, TMPDIR, ETCDCTL_API: '3' };
    this.child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], env });
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        if (this.output.length < OUTPUT_LIMIT) this.output += text;
      });
    }
    this.child.once('error', (error) => {
      this.output += `${error.message}\n`;
    });
  }

  get pid(): number {
    if (this.child.pid === undefined) throw new Error(`${this.name} was not started:\n${this.output}`);
    return this.child.pid;
  }

  /** How it ended, null while it runs. */
  get ended(): string | null {
    const { exitCode, signalCode } = this.child;
    if (signalCode !== null) return `ended by ${signalCode}`;
    return exitCode === null ? null : `ended with code ${exitCode}`;
  }

  lastWords(): string {
    return this.output.slice(-4_000);
  }

  lines(): readonly string[] {
    return this.output.split('\n').filter(Boolean);
  }

  /** SIGTERM, so that a profile is written; SIGKILL when that does not help. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.ended !== null || this.child.pid === undefined) return;
    const gone = once(this.child, 'exit');
    this.child.kill('SIGTERM');
    const hard = setTimeout(() => this.child.kill('SIGKILL'), STOP_LIMIT_MS);
    await gone;
    clearTimeout(hard);
  }
}
