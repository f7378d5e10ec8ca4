import { TidemarkError } from '@tidemark/core';

/** A server that a test asked for is not installed, did not start, or did not answer in time. */
export class TestServerError extends TidemarkError {
  readonly code = 'TEST_SERVER';
}

/** The start failed by bad luck: the same again, with everything chosen again, is likely to succeed. */
export class StartAgainError extends TestServerError {}
