import { ApiClient, type Output, type OutputName } from '@tidemark/api';
import { type Config, loadConfig, parseDuration, readToken } from '@tidemark/core';
import { UsageError } from '../base/errors.js';

/** The options every command understands. */
export interface GlobalOptions {
  readonly config?: string;
  readonly output: 'table' | 'json';
  readonly timeout: string;
}

/** What a command works with: options resolved against the environment. Results go to stdout, everything else to stderr. */
export class CommandContext {
  constructor(private readonly options: GlobalOptions) {}

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
    if (ms !== null && ms > 0) return ms;
    throw new UsageError({
      message: `--timeout ${this.options.timeout} is not a duration.`,
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
