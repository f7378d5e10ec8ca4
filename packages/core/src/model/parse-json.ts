import type * as z from 'zod';

/**
 * A text that was stored as JSON, as its schema reads it; fields that the schema does not know are left out. Null when
 * there is none, and for a text of another form: another version or somebody else wrote it, and it counts as absent.
 */
export function parseJson<T>(schema: z.ZodType<T>, text: string | null): T | null {
  if (text === null) return null;
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    return null;
  }
}
