import { TidemarkError } from '@tidemark/core';
import { type Problem, type ProblemStatus, statusOf } from './problem.js';

/** No node answered, or the answer is incomplete. */
export class NodeUnreachableError extends TidemarkError {
  readonly code = 'NODE_UNREACHABLE';
}

/** The answer is not one of this version of Tidemark. */
export class UnexpectedAnswerError extends TidemarkError {
  readonly code = 'UNEXPECTED_ANSWER';
}

/** A request that a node refused or could not fulfil. Its code, message and remedy are those of the node. */
export class RequestFailedError extends TidemarkError {
  readonly code: string;

  constructor({ code, ...details }: Problem) {
    super(details);
    this.code = code;
  }

  get status(): ProblemStatus {
    return statusOf(this.code);
  }
}
