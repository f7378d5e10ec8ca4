import type { Origin } from '@tidemark/core';
import * as z from 'zod';

/** The end of the names of keys that hold an origin. */
export const ORIGIN_KEY_SUFFIX = '/origin';

const region = z.object({ prefix: z.string(), except: z.array(z.string()) });
const schema = z.object({
  pipeline: z.string(),
  destination: z.string(),
  source: z.string(),
  routes: z.array(z.object({ reads: region, writes: region })),
  campaign: z.string().nullable(),
  mark: z.string(),
});

/** JSON, so that `etcdctl get` shows an operator who writes there. */
export function encodeOrigin(origin: Origin): Buffer {
  return Buffer.from(JSON.stringify(origin));
}

/** Null for anything that is no origin: the name of a key proves nothing. */
export function decodeOrigin(value: Buffer): Origin | null {
  try {
    return schema.parse(JSON.parse(value.toString('utf8')));
  } catch {
    return null;
  }
}
