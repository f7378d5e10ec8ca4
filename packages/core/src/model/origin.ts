import * as z from 'zod';
import { parseJson } from './parse-json.js';
import type { RouteRegions } from './region.js';

/**
 * Where a destination's content comes from, stored beside the checkpoint. A pipeline whose source is this cluster reads it
 * and sees that its own writes would come back to it.
 */
export interface Origin {
  readonly pipeline: string;
  readonly destination: string;
  /** Cluster id of the source that the pipeline reads. */
  readonly source: string;
  readonly routes: readonly RouteRegions[];
  /** Prefix of the keys that a running pipeline has in its source; null when it coordinates elsewhere. */
  readonly campaign: string | null;
  /** A random value. It is written at one address and read at another to prove that both lead to one cluster. */
  readonly mark: string;
}

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

/** Null for a value that is no origin: the name of its key alone proves nothing. */
export function decodeOrigin(value: Buffer): Origin | null {
  return parseJson(schema, value.toString('utf8'));
}
