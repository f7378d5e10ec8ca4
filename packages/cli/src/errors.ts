import { TidemarkError } from '@tidemark/core';

/** Something that this version cannot do. */
export class NotSupportedError extends TidemarkError {
  readonly code = 'NOT_SUPPORTED';
}

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
