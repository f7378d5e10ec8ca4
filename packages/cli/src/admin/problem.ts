import { TidemarkError } from '@tidemark/core';

/** A request that makes no sense, whoever sends it. */
export class BadRequestError extends TidemarkError {
  readonly code = 'BAD_REQUEST';
}

/** A verb that changes something, without the token. */
export class ForbiddenError extends TidemarkError {
  readonly code = 'FORBIDDEN';
}

/** A path that no node has. */
export class NotFoundError extends TidemarkError {
  readonly code = 'NOT_FOUND';
}
