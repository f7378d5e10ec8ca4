import { TidemarkError } from '@tidemark/core';

/** The admin address cannot be used. */
export class ListenError extends TidemarkError {
  readonly code = 'LISTEN';
}

/** The command line is not one that Tidemark understands. Exit code 2. */
export class UsageError extends TidemarkError {
  readonly code = 'USAGE';
}

/** What a command prints cannot be written to where it was sent. */
export class OutputError extends TidemarkError {
  readonly code = 'OUTPUT';
}
