import type * as z from 'zod';

/**
 * Parses stored JSON by its schema and leaves out unknown fields. Null when there is no text, or one of another form:
 * another version or another program wrote it, and it counts as absent.
 */
export function parseJson<T>(schema: z.ZodType<T>, text: string | null): T | null {
  if (text === null) return null;
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    return null;
  }
}
