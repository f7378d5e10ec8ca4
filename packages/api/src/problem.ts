import * as z from 'zod';

/** Problem documents as in RFC 9457, with the members of `problemSchema`. */
export const PROBLEM_TYPE = 'application/problem+json';

export const problemSchema = z
  .object({
    code: z.string().describe('Stable, upper-case; what to decide by. The runbook explains each.'),
    message: z.string().describe('What happened, in one sentence.'),
    remedy: z.string().describe('What to do next.'),
  })
  .describe('Why a request was refused, or could not be fulfilled.');
export type Problem = z.output<typeof problemSchema>;

/** Codes that have a status of their own. All others concern a peer that the node needs: 503, ask again. */
const STATUS_OF_CODE = {
  BAD_REQUEST: 400,
  FORBIDDEN: 403,
  NOT_FOUND: 404,
  UNKNOWN_DESTINATION: 404,
  CANNOT_COMPARE: 409,
  NOT_LEADING: 409,
  NOTHING_HELD: 409,
  NOT_OWNED: 409,
  NOT_STREAMING: 409,
  INTERNAL: 500,
} as const;

export type ProblemCode = keyof typeof STATUS_OF_CODE;
export type ProblemStatus = (typeof STATUS_OF_CODE)[ProblemCode] | 503;

const STATUSES: ReadonlyMap<string, ProblemStatus> = new Map(Object.entries(STATUS_OF_CODE));

/** The HTTP status of a problem. */
export function statusOf(code: string): ProblemStatus {
  return STATUSES.get(code) ?? 503;
}
