import * as z from 'zod';

/** A list that nobody changes. */
export function list<T extends z.ZodType>(item: T) {
  return z.array(item).readonly();
}

export const revisionSchema = z.int().min(0);
export const countSchema = z.int().min(0);
/** RFC 3339, in UTC. */
export const timeSchema = z.iso.datetime();
/** Milliseconds since the epoch. */
export const millisecondsSchema = z.number();

export const positionSchema = z.object({ generation: z.int().min(0), revision: revisionSchema });

/** Bytes as JSON: text if they are valid UTF-8, otherwise `{"base64": ...}`. */
export const jsonBytesSchema = z.union([z.string(), z.strictObject({ base64: z.string() })]);
export type JsonBytes = z.output<typeof jsonBytesSchema>;

export function bytesToJson(bytes: Buffer): JsonBytes {
  const text = bytes.toString('utf8');
  return Buffer.from(text, 'utf8').equals(bytes) ? text : { base64: bytes.toString('base64') };
}

export function bytesFromJson(value: JsonBytes): Buffer {
  return typeof value === 'string' ? Buffer.from(value, 'utf8') : Buffer.from(value.base64, 'base64');
}

/** For one line of text that people read. */
export function formatJsonBytes(value: JsonBytes): string {
  return typeof value === 'string' ? value : `base64:${value.base64}`;
}
