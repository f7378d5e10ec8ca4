import { ApiClient, type Output, type OutputName } from '@tidemark/api';
import { type Config, loadConfig, parseDuration, readToken } from '@tidemark/core';
import { UsageError } from '../base/errors.js';

/** The options every command understands. */
export interface GlobalOptions {
  readonly config?: string;
  readonly output: 'table' | 'json';
  readonly timeout: string;
}

/** A timer of Node.js that is longer than 24.8 days fires at once, and nobody waits for one day. */
const LONGEST_TIMEOUT_MS = 86_400_000;

/** What a command works with: options resolved against the environment. Results go to stdout, everything else to stderr. */
export class CommandContext {
  constructor(private readonly options: GlobalOptions) {}

  /** Whether a person can be asked. */
  get isTerminal(): boolean {
    return process.stdin.isTTY === true && process.stdout.isTTY === true && !this.json;
  }

  get json(): boolean {
    return this.options.output === 'json';
  }

  get configFile(): string {
    const file = this.options.config ?? process.env['TIDEMARK_CONFIG'];
    if (file !== undefined && file !== '') return file;
    throw new UsageError({
      message: 'No configuration file is given.',
      remedy: 'Use -c FILE, or set TIDEMARK_CONFIG.',
    });
  }

  get config(): Config {
    return loadConfig(this.configFile);
  }

  get timeoutMs(): number {
    const ms = parseDuration(this.options.timeout);
    if (ms !== null && ms > 0 && ms <= LONGEST_TIMEOUT_MS) return ms;
    throw new UsageError({
      message: `--timeout ${this.options.timeout} is no duration of up to one day.`,
      remedy: 'Use a value such as 500ms, 10s or 5m.',
    });
  }

  /** A client of the node that the configuration names. */
  get client(): ApiClient {
    const { node } = this.config;
    const token = node.tokenFile === undefined ? undefined : readToken(node.tokenFile, 'node.tokenFile');
    return new ApiClient({ listen: node.listen, timeoutMs: this.timeoutMs, token });
  }

  /** Prints a result: text for people, or one JSON document. The command decides its form. */
  print<C extends OutputName>(_command: C, value: Output<C>, table: () => string): void {
    process.stdout.write(this.json ? `${JSON.stringify(value, null, 2)}\n` : `${table()}\n`);
  }
}
