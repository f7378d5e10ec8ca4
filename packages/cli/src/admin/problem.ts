import { TidemarkError } from '@tidemark/core';
import { NotLeadingError } from '@tidemark/leader';
import { CannotCompareError, NotStreamingError } from '@tidemark/worker';
import { NothingHeldError, UnknownDestinationError } from '../daemon/destination-verbs.js';
import { NotOwnedError } from '../daemon/owned-destination.js';

/** A request that makes no sense, whoever sends it. */
export class BadRequestError extends TidemarkError {
  readonly code = 'BAD_REQUEST';
}

/** A verb that changes something, without the token. */
export class ForbiddenError extends TidemarkError {
  readonly code = 'FORBIDDEN';
}

const CONFLICTS = [CannotCompareError, NotLeadingError, NothingHeldError, NotOwnedError, NotStreamingError];

/** The status of the answer to a request that failed. */
export function statusOf(error: TidemarkError): 400 | 403 | 404 | 409 | 503 {
  if (error instanceof BadRequestError) return 400;
  if (error instanceof ForbiddenError) return 403;
  if (error instanceof UnknownDestinationError) return 404;
  return CONFLICTS.some((conflict) => error instanceof conflict) ? 409 : 503;
}
