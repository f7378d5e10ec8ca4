/**
 * Small facts that the nodes of a pipeline share and that outlive each of them. Names are paths such as
 * `destinations/codfw/hold`; a fact is a JSON text of at most a few KiB.
 */
export interface SharedFacts {
  /** Null when there is no such fact. @throws UnavailableError */
  read(name: string, signal: AbortSignal): Promise<string | null>;
  /** All facts whose names begin with `prefix`, of one state, by their full names. @throws UnavailableError */
  list(prefix: string, signal: AbortSignal): Promise<ReadonlyMap<string, string>>;
  /** @throws UnavailableError */
  write(name: string, fact: string, signal: AbortSignal): Promise<void>;
  /** @throws UnavailableError */
  remove(name: string, signal: AbortSignal): Promise<void>;
  /**
   * Removes a fact if it still has the text that was read. A fact that somebody wrote since then stays.
   * @throws UnavailableError
   */
  removeExactly(name: string, fact: string, signal: AbortSignal): Promise<void>;
}
