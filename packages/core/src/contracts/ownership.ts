import type { Leadership } from './election.js';

/** A registered node. */
export interface LiveNode {
  readonly id: string;
  readonly roles: readonly string[];
  /** Changes each time the node registers: a node that came back has another one. */
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
  /** How often a restore set the coordination etcd back. Revisions are comparable only within one history. */
  readonly history: number;
  readonly nodes: readonly LiveNode[];
  /** By name of the destination; one without an owner is not in it. */
  readonly owners: ReadonlyMap<string, Owner>;
}

/** A destination that is ours. It ends with the session's lease, or when its key is taken away. */
export interface Claim extends Leadership {
  /** Ends it on this node, because the key is gone. */
  lose(why: string): void;
  /** Gives the destination up, so that another node may claim it at once. False without an answer: the lease ends it then. */
  release(): Promise<boolean>;
}

/** Who owns which destination, in the coordination etcd. Like an election, it is only a hint: the fence is at the write. */
export interface Ownership {
  /**
   * The view now, at each change, and every few seconds without one. While the coordination etcd cannot be reached there
   * is no new view, and the last one stays valid. Within one `history` a view is never older than the one before.
   */
  follow(signal: AbortSignal): AsyncIterable<OwnershipView>;
  /**
   * Claims a destination that nobody owns, or that an earlier attempt of ours claimed without getting the answer. Null
   * when somebody else owns it, for example this node before its restart, or when aborted.
   * @throws UnavailableError
   */
  claim(destination: string, signal: AbortSignal): Promise<Claim | null>;
}
