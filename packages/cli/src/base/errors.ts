import { TidemarkError } from '@tidemark/core';

/** The admin address cannot be used. */
export class ListenError extends TidemarkError {
  readonly code = 'LISTEN';
}

/** The command line is not one that Tidemark understands. Exit code 2. */
export class UsageError extends TidemarkError {
  readonly code = 'USAGE';
}
