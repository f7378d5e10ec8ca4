import type { Origin } from '../model/origin.js';

/** The origin of one destination, of a kind that can itself be a source. */
export interface OriginKeeper {
  /** Id of the destination's cluster. Two clusters that were started with the same names, URLs and token have the same. */
  clusterId(signal: AbortSignal): Promise<string>;
  /** Null when there is none, or none that this version can read. */
  read(signal: AbortSignal): Promise<Origin | null>;
  /** Null removes it. */
  write(origin: Origin | null, signal: AbortSignal): Promise<void>;
}
