import type { Origin } from '../model/origin.js';
import type { Checkpoint } from './destination.js';

/** The origin of a destination as it was read, and what it stood beside. */
export interface OriginReading {
  /** Null when there is none, or none that this version can read. */
  readonly origin: Origin | null;
  readonly checkpoint: Checkpoint | null;
  /** The destination's revisions in which both were last written; 0 for what is absent. */
  readonly written: { readonly origin: number; readonly checkpoint: number };
}

/** The origin of one destination, of a kind that can itself be a source. */
export interface OriginKeeper {
  /** Id of the destination's cluster. Two clusters that were started with the same names, URLs and token have the same. */
  clusterId(signal: AbortSignal): Promise<string>;
  read(signal: AbortSignal): Promise<OriginReading>;
  /**
   * Null removes it. In one transaction that compares both keys with what was read: one that waits somewhere for minutes
   * neither takes back a newer origin nor passes a fence.
   * @throws FencedError when one of them was written meanwhile
   * @throws AmbiguousWriteError when no answer came: it may be carried out yet
   */
  write(origin: Origin | null, after: OriginReading, signal: AbortSignal): Promise<void>;
}
