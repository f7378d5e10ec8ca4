import { DESTINATION_STATES } from '@tidemark/core';
import * as z from 'zod';
import { timeSchema } from './values.js';

/** Everything somebody needs to know who was woken for it. */
export const explanationSchema = z.object({
  destination: z.string(),
  state: z.enum(DESTINATION_STATES),
  since: timeSchema.describe('Since when it is in this state.'),
  why: z.string().nullable().describe('As far as it is known: the fault, the evidence of a hold, who paused it.'),
  what: z.string().describe('What is so.'),
  safe: z.string().describe('What is safe, and what is at stake.'),
  next: z.string().nullable().describe('Most often a command; null when there is nothing to do.'),
});
export type Explanation = z.output<typeof explanationSchema>;
