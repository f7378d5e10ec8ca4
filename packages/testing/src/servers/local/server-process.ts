import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { describeError } from '@tidemark/core';
import { tied } from '../../../../../scripts/lib/tied.mjs';
import { StartAgainError, TestServerError } from '../../network/errors.js';
import { until } from '../../waiting/until.js';
import type { Lifecycle } from '../handles.js';
import { OutputRing } from '../output.js';
import { guardProcess } from './lifeline.js';

/** Slow machines run three servers and a test on two cores; a healthy start takes well under two seconds. */
const START_TIMEOUT_MS = 30_000;
const STOP_TIMEOUT_MS = 10_000;
const PROBE_EVERY_MS = 20;
/** A process is gone before its last words are read. */
const OUTPUT_TIMEOUT_MS = 500;

export interface ServerCommand {
  readonly name: string;
  readonly command: string;
  /** Asked again at every start. */
  readonly args: () => readonly string[];
  /** Asks the server itself; true once it serves requests. */
  readonly ready: () => Promise<boolean>;
  /** Variables besides those that every server gets. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** One server as a child process that can be killed, stopped, frozen and started again. */
export class ServerProcess implements Lifecycle {
  private child: ChildProcess | undefined;
  private paused = false;
  private outputClosed: Promise<void> = Promise.resolve();
  private readonly output = new OutputRing();

  constructor(private readonly what: ServerCommand) {}

  async start(): Promise<void> {
    if (this.running() !== undefined) return;
    this.output.clear();
    const child = this.spawn();
    this.child = child;
    this.paused = false;
    const deadline = performance.now() + START_TIMEOUT_MS;
    while (!(await this.what.ready()) || hasEnded(child)) {
      if (hasEnded(child)) {
        await Promise.race([this.outputClosed, delay(OUTPUT_TIMEOUT_MS)]);
        throw this.failed(`ended while starting (${endedHow(child)})`);
      }
      if (performance.now() > deadline) {
        await this.kill();
        throw this.failed(`did not answer within ${START_TIMEOUT_MS / 1_000} s`);
      }
      await delay(PROBE_EVERY_MS);
    }
  }

  async kill(): Promise<void> {
    await this.end('SIGKILL');
  }

  async stop(): Promise<void> {
    await this.end('SIGTERM');
  }

  async pause(): Promise<void> {
    this.paused = true;
    await this.freeze();
  }

  async resume(): Promise<void> {
    this.signal('SIGCONT');
    this.paused = false;
  }

  /** Does some work while the process, if there is one, does nothing; afterwards it is as it was before. */
  async whileStill<T>(work: () => Promise<T>): Promise<T> {
    if (this.pid === undefined || this.paused) return await work();
    try {
      await this.freeze();
      return await work();
    } finally {
      this.signal('SIGCONT');
    }
  }

  /** Process id, undefined while it is not running. */
  get pid(): number | undefined {
    return this.running()?.pid;
  }

  /** The last part of what the server printed since its last start. */
  log(): string {
    return this.output.toString();
  }

  private spawn(): ChildProcess {
    const { command, args } = tied(this.what.command, this.what.args(), 'KILL');
    const child = spawn(command, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...environment(), ...this.what.environment },
    });
    guardProcess(child);
    child.stdout?.on('data', (chunk: Buffer) => this.output.add(chunk));
    child.stderr?.on('data', (chunk: Buffer) => this.output.add(chunk));
    this.outputClosed = new Promise((resolve) => child.once('close', () => resolve()));
    child.once('error', (error) => this.output.add(Buffer.from(`${describeError(error)}\n`)));
    return child;
  }

  private async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const child = this.running();
    if (child === undefined) return;
    const gone = once(child, 'exit');
    child.kill(signal);
    // A frozen process handles SIGTERM only after it goes on.
    child.kill('SIGCONT');
    const hard = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    await gone;
    clearTimeout(hard);
  }

  /** Resolves when none of its threads runs any more: the signal takes effect a moment after it was sent. */
  private async freeze(): Promise<void> {
    this.signal('SIGSTOP');
    const { pid } = this;
    if (process.platform !== 'linux' || pid === undefined) return;
    await until(() => isStopped(pid), { everyMs: 1, describe: `${this.what.name} to be frozen` });
  }

  private signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    const child = this.running();
    if (child === undefined) throw this.failed(`is not running, ${signal} has nothing to act on`);
    child.kill(signal);
  }

  private running(): ChildProcess | undefined {
    return this.child === undefined || hasEnded(this.child) ? undefined : this.child;
  }

  private failed(what: string): TestServerError {
    const message = `${this.what.name} ${what}; it printed:\n${this.output.lastLines(30)}`;
    const taken = /address already in use/i.test(this.output.toString());
    const remedy = `Command: ${this.what.command} ${this.what.args().join(' ')}`;
    // Another process took the port between choosing and binding.
    return taken ? new StartAgainError({ message, remedy }) : new TestServerError({ message, remedy });
  }
}

function hasEnded(child: ChildProcess): boolean {
  return child.pid === undefined || child.exitCode !== null || child.signalCode !== null;
}

/** The state of a thread is the first letter after its name, which stands in parentheses. */
async function isStopped(pid: number): Promise<boolean> {
  const threads = await readdir(`/proc/${pid}/task`);
  const stats = await Promise.all(threads.map((thread) => readFile(`/proc/${pid}/task/${thread}/stat`, 'latin1')));
  return stats.every((stat) => /\) [TZX] /.test(stat));
}

function endedHow(child: ChildProcess): string {
  return child.signalCode ?? `exit code ${child.exitCode ?? 'unknown'}`;
}

/** Only what a server needs: etcd would take every ETCD_* variable as a setting. */
function environment(): NodeJS.ProcessEnv {
  const { PATH, HOME, TMPDIR, LANG } = process.env;
  // etcd 3.4 starts on arm64 only when asked to.
  const architecture = process.arch === 'arm64' ? { ETCD_UNSUPPORTED_ARCH: 'arm64' } : {};
  return { PATH, HOME, TMPDIR, LANG, ...architecture };
}
