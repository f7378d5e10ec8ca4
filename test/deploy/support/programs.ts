import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { until } from '@tidemark/testing';
import { type BinaryName, findBinary } from '../../../scripts/lib/find-binary.mjs';
import { tied } from '../../../scripts/lib/tied.mjs';

/** What a command printed and how it ended. */
export interface Outcome {
  readonly code: number | null;
  /** Standard output and standard error. */
  readonly output: string;
}

export function binary(name: BinaryName): string {
  const path = findBinary(name);
  if (path === undefined) throw new Error(`${name} is not installed: run \`node scripts/setup.mjs\``);
  return path;
}

export interface RunOptions {
  readonly environment?: NodeJS.ProcessEnv;
  /** Standard input. */
  readonly input?: string;
}

/** Runs a command to its end, for at most 30 s. Only PATH is passed on: etcd takes every ETCD_* variable as a setting. */
export function runToEnd(
  command: string,
  args: readonly string[],
  { environment, input = '' }: RunOptions = {},
): Outcome {
  const env = { PATH: process.env['PATH'], ...environment };
  const result = spawnSync(command, args, { encoding: 'utf8', timeout: 30_000, env, input });
  if (result.error !== undefined) throw result.error;
  return { code: result.status, output: `${result.stdout}${result.stderr}` };
}

export interface ProgramOptions {
  readonly command: string;
  readonly args: readonly string[];
  /** Asks the server itself. */
  readonly ready: () => Promise<boolean>;
  readonly environment?: NodeJS.ProcessEnv;
}

/** A server that runs with one of our configuration files. Disposing it kills it. */
export class Program implements AsyncDisposable {
  private text = '';

  private constructor(private readonly child: ChildProcess) {
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        this.text += chunk.toString('utf8');
      });
    }
  }

  /** Starts it and waits until `ready` says so. Fails with what it printed. */
  static async start({ command, args, ready, environment }: ProgramOptions): Promise<Program> {
    const own = tied(command, args, 'KILL');
    const env = { PATH: process.env['PATH'], ...environment };
    const program = new Program(spawn(own.command, own.args, { stdio: ['ignore', 'pipe', 'pipe'], env }));
    try {
      const what = () => `${command} ${args.join(' ')} to be ready; it printed:\n${program.output}`;
      await until(async () => program.ended || (await ready()), { timeoutMs: 30_000, describe: what });
      if (program.ended) throw new Error(`${command} ${args.join(' ')} ended; it printed:\n${program.output}`);
      return program;
    } catch (error) {
      await program[Symbol.asyncDispose]();
      throw error;
    }
  }

  get output(): string {
    return this.text;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.ended) return;
    const gone = once(this.child, 'exit');
    this.child.kill('SIGKILL');
    await gone;
  }

  private get ended(): boolean {
    return this.child.pid === undefined || this.child.exitCode !== null || this.child.signalCode !== null;
  }
}

/** So many loopback ports, all different, on which nobody listens. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports: number[] = [];
  for (const server of servers) {
    server.listen({ host: '127.0.0.1', port: 0 });
    await once(server, 'listening');
    const address = server.address();
    if (address !== null && typeof address === 'object') ports.push(address.port);
  }
  for (const server of servers) {
    server.close();
    await once(server, 'close');
  }
  return ports;
}

/** The JSON a server answers with, or undefined when it does not answer with any. */
export async function jsonOf(url: string): Promise<unknown> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(1_000) });
    return response.ok ? await response.json() : undefined;
  } catch {
    // Not there yet.
    return undefined;
  }
}
