import { TidemarkError } from '../model/errors.js';

/** One thing that is wrong with a configuration file. Line and column count from 1. */
export interface ConfigProblem {
  readonly line: number;
  readonly column: number;
  /** Dotted path of the key, e.g. `destinations[0].routes[1].prefix`; empty for the whole file. */
  readonly key: string;
  readonly reason: string;
}

/** A rule that spans several keys of the file, and is broken at `path`. */
export interface RuleViolation {
  readonly path: readonly (string | number)[];
  readonly reason: string;
}

/** `FILE:LINE:COLUMN: key: reason`, the form editors and people jump to. */
export function formatProblem(file: string, problem: ConfigProblem): string {
  const key = problem.key === '' ? '' : `${problem.key}: `;
  return `${file}:${problem.line}:${problem.column}: ${key}${problem.reason}`;
}

/** The configuration cannot be used; nothing was started. Exit code 78. */
export class ConfigError extends TidemarkError {
  readonly code = 'CONFIG';
  constructor(
    readonly file: string,
    readonly problems: readonly ConfigProblem[],
  ) {
    super({
      message: problems.map((problem) => formatProblem(file, problem)).join('\n'),
      remedy: 'Correct the lines named above; `tidemark schema` prints what is allowed.',
    });
  }
}
