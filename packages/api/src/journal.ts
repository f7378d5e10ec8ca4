import * as z from 'zod';
import { countSchema, list, millisecondsSchema, positionSchema, revisionSchema } from './values.js';

/** A complete copy of the source. `T` is how its time is written. */
export function snapshotSchemaWith<T extends z.ZodType>(time: T) {
  return z
    .object({
      id: z.string(),
      position: positionSchema,
      keys: countSchema,
      bytes: countSchema.describe('Of keys and values, before any encoding.'),
      createdAt: time,
      rewind: z
        .object({
          generation: z.int().min(0),
          reason: z.enum(['rewound', 'foreign_source']),
          evidence: z.string(),
        })
        .nullable()
        .describe('The last rewind before its position; null when there was none.'),
    })
    .describe('A complete copy of the source at one position, kept beside the journal.');
}

export const snapshotSchema = snapshotSchemaWith(millisecondsSchema.describe('Milliseconds since the epoch.'));
export type Snapshot = z.output<typeof snapshotSchema>;

/** Extent and size of the journal. `T` is how its times are written. */
export function journalInfoSchemaWith<T extends z.ZodType>(time: T) {
  return z
    .object({
      id: z.string().describe('Identity of the journal: a new one each time the stream is created.'),
      firstSequence: countSchema,
      lastSequence: countSchema,
      bytes: countSchema,
      first: z
        .object({ position: positionSchema, previous: revisionSchema, time })
        .nullable()
        .describe('The first record that is kept; null when empty.'),
      last: z.object({ position: positionSchema, term: z.int(), time }).nullable(),
      deviations: list(z.string()).describe('Settings that differ from the configuration.'),
    })
    .describe('Extent and size of the journal, and settings that differ from the configuration.');
}

export const journalInfoSchema = journalInfoSchemaWith(millisecondsSchema.describe('Milliseconds since the epoch.'));
export type JournalInfoAnswer = z.output<typeof journalInfoSchema>;
