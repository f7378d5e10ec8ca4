/** The time in which the holder leads. */
export interface Leadership {
  /** Create revision of the election key: grows with every new leader within one history of the coordination etcd. */
  readonly token: number;
  /** Aborts when leadership ends, or may have ended. */
  readonly signal: AbortSignal;
  /** Call right before each write. Synchronous, by monotonic clock. @throws LeadershipLostError */
  assertHeld(): void;
  /** Asks the coordination etcd, by a transaction on the election key, whether the key is still ours. @throws LeadershipLostError */
  prove(): Promise<void>;
}

export interface Elector {
  /**
   * Campaigns until elected, runs `work` while leading, and campaigns again when it ends, until `signal` aborts.
   * While `work` runs the node leads; returning is stepping down, and happens only after the work has drained.
   */
  lead(work: (leadership: Leadership) => Promise<void>, signal: AbortSignal): Promise<void>;
}
