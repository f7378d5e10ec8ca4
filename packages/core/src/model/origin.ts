import * as z from 'zod';
import { parseJson } from './parse-json.js';
import type { RouteRegions } from './region.js';

/**
 * Where a destination's content comes from. It stands beside the checkpoint, so that a pipeline whose source is this
 * cluster can see that its own writes would come back to it.
 */
export interface Origin {
  readonly pipeline: string;
  readonly destination: string;
  /** Cluster id of the source that the pipeline reads. */
  readonly source: string;
  readonly routes: readonly RouteRegions[];
  /** Prefix of keys that the pipeline has in its source while it runs; null when it coordinates elsewhere. */
  readonly campaign: string | null;
  /** New in each that is written to prove that two addresses lead to one cluster; otherwise without meaning. */
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

/** Null for anything that is no origin: the name of a key proves nothing. */
export function decodeOrigin(value: Buffer): Origin | null {
  return parseJson(schema, value.toString('utf8'));
}
