/** What the proxy did so far. A fault test asserts on these that its fault really happened. */
export interface ProxyCounters {
  /** Connections passed on to the server. */
  connections: number;
  /** Connections turned away by `refuse`. */
  refused: number;
  /** Connections that `cut` or `refuse` broke. */
  cut: number;
  bytesToServer: number;
  bytesToClient: number;
  /** Pieces of replies that were thrown away. */
  droppedReplies: number;
  /** Pieces, in either direction, that had to wait because of `blackHole` or `holdFrom`. */
  held: number;
}

export type Direction = 'toServer' | 'toClient';

/** What all connections of one proxy share. */
export interface ProxyState {
  readonly counters: ProxyCounters;
  /** Milliseconds that every piece waits, in either direction. */
  delayMs: number;
  /** While one is set nothing passes in its direction; aborted when it does again. */
  readonly blackHoles: { toServer?: AbortController | undefined; toClient?: AbortController | undefined };
  /** Replies to drop: counts down at each piece, 1 is the next one. 0: none. */
  dropReplyIn: number;
  /** A request that contains these bytes silences the replies of its connection. */
  loseReplyTo: Buffer | undefined;
  /** A request that contains these bytes stays in its connection, with what follows it, until `held` is aborted. */
  holdFrom: { readonly pattern: Buffer; readonly held: AbortController } | undefined;
}
