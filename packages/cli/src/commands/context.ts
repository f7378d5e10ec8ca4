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

/** What a command has to work with: options resolved against the environment. Results go to stdout, talk to stderr. */
export class CommandContext {
  constructor(private readonly options: GlobalOptions) {}

  get json(): boolean {
    return this.options.output === 'json';
  }

  get configFile(): string {
    const file = this.options.config ?? process.env['TIDEMARK_CONFIG'];
    if (file !== undefined && file !== '') return file;
    throw new UsageError({ message: 'No configuration was named.', remedy: 'Use -c FILE, or set TIDEMARK_CONFIG.' });
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

  /** Of the node that the configuration names. */
  get client(): ApiClient {
    const { node } = this.config;
    const token = node.tokenFile === undefined ? undefined : readToken(node.tokenFile, 'node.tokenFile');
    return new ApiClient({ listen: node.listen, timeoutMs: this.timeoutMs, token });
  }

  /** A result: text for people, or one JSON document, whose form the words of the command decide. */
  print<C extends OutputName>(_command: C, value: Output<C>, table: () => string): void {
    process.stdout.write(this.json ? `${JSON.stringify(value, null, 2)}\n` : `${table()}\n`);
  }
}
