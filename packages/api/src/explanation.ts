import { DESTINATION_STATES } from '@tidemark/core';
import * as z from 'zod';
import { timeSchema } from './values.js';

/** Everything that the person on call needs to know. */
export const explanationSchema = z.object({
  destination: z.string(),
  state: z.enum(DESTINATION_STATES),
  since: timeSchema.describe('Since when it is in this state.'),
  why: z
    .string()
    .nullable()
    .describe('The fault, the evidence of a hold, or who paused it; null when the state explains itself.'),
  what: z.string().describe('What the state means here.'),
  safe: z.string().describe('What is safe, and what is at stake.'),
  next: z.string().nullable().describe('Most often a command; null when there is nothing to do.'),
});
export type Explanation = z.output<typeof explanationSchema>;
