import { statusOf } from '@tidemark/api';
import { UnavailableError } from '@tidemark/core';
import { NotLeadingError } from '@tidemark/leader';
import { CannotCompareError, NotStreamingError } from '@tidemark/worker';
import { expect, it } from 'vitest';
import { BadRequestError, ForbiddenError, NotFoundError } from '../src/admin/problem.js';
import { NotOwnedError } from '../src/node/configured-destination.js';
import { NothingHeldError, UnknownDestinationError } from '../src/node/destination-verbs.js';

const details = { message: 'what', remedy: 'next' };

it.each([
  [new BadRequestError(details), 400],
  [new ForbiddenError(details), 403],
  [new NotFoundError(details), 404],
  [new UnknownDestinationError(details), 404],
  [new CannotCompareError(details), 409],
  [new NotLeadingError(details), 409],
  [new NothingHeldError(details), 409],
  [new NotOwnedError(details), 409],
  [new NotStreamingError(details), 409],
  [new UnavailableError(details), 503],
])('$code is answered with its status', ({ code }, status) => {
  expect(statusOf(code)).toBe(status);
});
