import type { RouteRegions } from '../region.js';

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

/** The origin of one destination, of a kind that can itself be a source. */
export interface OriginKeeper {
  /** Id of the destination's cluster. Two clusters that were started with the same names, URLs and token have the same. */
  clusterId(signal: AbortSignal): Promise<string>;
  /** Null when there is none, or none that this version can read. */
  read(signal: AbortSignal): Promise<Origin | null>;
  /** Null removes it. */
  write(origin: Origin | null, signal: AbortSignal): Promise<void>;
}
