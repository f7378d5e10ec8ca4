import * as z from 'zod';

export const positionSchema = z.object({ generation: z.number(), revision: z.number() });

/**
 * A shared fact, as its schema reads it; what is more than the schema knows is left out. Null when there
 * is none, and for a text of another form: it was not written by us, or by another version, and counts as absent.
 */
export function parseFact<T>(schema: z.ZodType<T>, text: string | null): T | null {
  if (text === null) return null;
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    return null;
  }
}
