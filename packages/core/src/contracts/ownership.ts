import type { Leadership } from './election.js';

/** A registered node. */
export interface LiveNode {
  readonly id: string;
  readonly roles: readonly string[];
  /** Another one each time the node registers: it tells a node that was up all the time from one that came back. */
  readonly registration: string;
}

/** Who owns a destination. */
export interface Owner {
  readonly node: string;
  /** Token of its claim. */
  readonly token: number;
}

/** Nodes and owners at one revision of the coordination etcd. */
export interface OwnershipView {
  readonly revision: number;
  /** How often the coordination etcd was seen to be set back, by a restore: revisions of one history only are compared. */
  readonly history: number;
  readonly nodes: readonly LiveNode[];
  /** By name of the destination; one without an owner is not in it. */
  readonly owners: ReadonlyMap<string, Owner>;
}

/** A destination that is ours. It ends with the session's lease, or when its key is taken away. */
export interface Claim extends Leadership {
  /** Ends it here: the key was seen to be gone. */
  lose(why: string): void;
  /** Gives the destination up, so that another node may claim it at once. False when unanswered: then it goes with the lease. */
  release(): Promise<boolean>;
}

/** Who owns which destination, in the coordination etcd. Only a hint, like an election: the fence is at the write. */
export interface Ownership {
  /**
   * The view now, at each change, and every few seconds without one. Silent while the coordination etcd cannot be
   * reached: what was seen last stays the best there is. A view is never older than one before it, unless the store was
   * set back: then `history` is another one.
   */
  follow(signal: AbortSignal): AsyncIterable<OwnershipView>;
  /**
   * Takes a destination that nobody owns, or that an earlier attempt of ours took whose answer was lost. Null when
   * somebody else does, an earlier life of this node included, or when aborted.
   * @throws UnavailableError
   */
  claim(destination: string, signal: AbortSignal): Promise<Claim | null>;
}
