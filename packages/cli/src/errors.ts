import { TidemarkError } from '@tidemark/core';

/** The admin address cannot be used. */
export class ListenError extends TidemarkError {
  readonly code = 'LISTEN';
}

/** No node answered, or it answered that it could not. */
export class NodeUnreachableError extends TidemarkError {
  readonly code = 'NODE_UNREACHABLE';
}

/** The command line is not one that Tidemark understands. Exit code 2. */
export class UsageError extends TidemarkError {
  readonly code = 'USAGE';
}
