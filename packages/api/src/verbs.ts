import { holdSchema, parseRoutes } from '@tidemark/core';
import * as z from 'zod';
import { pauseSchema, resyncOrderSchema } from './status.js';
import { bytesToJson, countSchema, jsonBytesSchema, list, positionSchema } from './values.js';

const keyDifferenceSchema = z.object({ kind: z.enum(['missing', 'different', 'extra']), key: jsonBytesSchema });
/** A key, and how it differs. */
export type KeyDifference = z.output<typeof keyDifferenceSchema>;

const counted = {
  compared: countSchema.describe('Keys that should be at the destination.'),
  missing: countSchema,
  different: countSchema,
  extra: countSchema,
  keys: list(keyDifferenceSchema).describe('The first differences; more are only counted.'),
};

export const verifyReportSchema = z
  .object({ position: positionSchema, ...counted })
  .describe('A comparison of a destination with the source at one position.');
export type VerifyAnswer = z.output<typeof verifyReportSchema>;

export const planSchema = z
  .object(counted)
  .describe('What a resync would change: `missing` and `different` are put, `extra` is deleted.');
export type PlanAnswer = z.output<typeof planSchema>;

export const repairAnswerSchema = z
  .object({
    found: verifyReportSchema,
    repaired: z.object({
      puts: countSchema,
      deletes: countSchema,
      refused: list(z.object({ key: jsonBytesSchema, reason: z.string() })).describe(
        'Keys that the destination does not take, and why; all others are repaired.',
      ),
    }),
    left: verifyReportSchema.describe('The comparison afterwards.'),
  })
  .describe('What differed, what was written, and what differs now.');

/** What a comparison found, with its keys as JSON. */
export function differencesToJson<R extends { readonly keys: readonly { kind: KeyDifference['kind']; key: Buffer }[] }>(
  report: R,
): Omit<R, 'keys'> & { keys: KeyDifference[] } {
  return { ...report, keys: report.keys.map(({ kind, key }) => ({ kind, key: bytesToJson(key) })) };
}

export const orderSchema = z.object({ by: z.string() }).describe('Who gives the order: `user@host`.');
export const resumeOrderSchema = z.object({ by: z.string().optional() }).describe('Who gives the order: `user@host`.');
export const approvalSchema = z
  .object({ id: z.string(), by: z.string() })
  .describe('The hold that was shown, and who approves it.');

const routesSchema = z
  .array(
    z.strictObject({
      prefix: z.string(),
      rewrite: z.string().optional(),
      exclude: z.array(z.string()).optional(),
      leased: z.enum(['keep', 'skip']).optional(),
    }),
  )
  .min(1)
  .transform((routes, context) => {
    // Rules beyond the form of a route are those of the configuration.
    const parsed = parseRoutes(JSON.stringify(routes));
    if (parsed !== null) return parsed;
    context.addIssue({ code: 'custom', message: 'these are not valid routes' });
    return z.NEVER;
  });

export const planOrderSchema = z
  .object({ routes: routesSchema.optional() })
  .describe('Routes to plan for, as in the configuration; the configured ones when absent.');

export const holdAnswerSchema = z
  .object({ hold: holdSchema.nullable() })
  .describe('The hold that waits for approval; null when the destination is not held.');
export const approvedSchema = z.object({ approved: holdSchema }).describe('The hold that was approved.');
export const pausedSchema = z.object({ paused: pauseSchema });
export const resumedSchema = z.object({ resumed: z.literal(true) });
export const orderedSchema = z.object({ ordered: resyncOrderSchema });
export const steppedDownSchema = z.object({ steppedDown: z.literal(true) });
