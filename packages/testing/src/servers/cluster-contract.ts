import type { FaultProxy } from '../network/proxy.js';
import type { EtcdOptions, EtcdServer, NatsOptions, NatsServer, Server } from './contract.js';

/**
 * Members talk to each other through proxies, one for each pair and dialling side, so that each can be cut off from the
 * others while clients still reach it.
 *
 * In a cluster, `start` of a member resolves when it serves requests, or, as long as it cannot because too few others
 * run or reach it, when it waits for them: the members of a cluster that was stopped can be started one after another.
 */
export interface PeerFaults<M extends Server> {
  /** Nothing passes between this member and the others, in either direction. Connections stay open. */
  isolate(member: M): void;
  /** Nothing passes from one member to the other; the way back stays open. */
  block(from: M, to: M): void;
  /** Ends all faults between members. What was held up is delivered, as TCP does when a partition heals. */
  heal(): void;
  /**
   * The connections that `from` dialled to `to`, for faults of another kind, and for its counters: a fault test asserts
   * that something was held. Both members use both links for messages of either direction.
   */
  link(from: M, to: M): FaultProxy;
}

export interface EtcdClusterOptions extends EtcdOptions {
  /** 3 unless given. */
  readonly members?: number;
}

export interface EtcdCluster extends PeerFaults<EtcdServer> {
  readonly members: readonly EtcdServer[];
  /** One for each member, in the order of `members`. */
  readonly urls: readonly string[];
  /** Waits until a majority of the members agrees on a leader, and returns it. */
  leader(): Promise<EtcdServer>;
  /** Stops all members, restores each from the snapshot, and starts them. See `EtcdServer.restoreFrom`. */
  restoreFrom(file: string, flags?: readonly string[]): Promise<void>;
}

export interface NatsClusterOptions extends NatsOptions {
  /** 3 unless given. */
  readonly servers?: number;
}

export interface NatsCluster extends PeerFaults<NatsServer> {
  readonly servers: readonly NatsServer[];
  /** One for each server, in the order of `servers`. */
  readonly urls: readonly string[];
  /** Waits until a majority of the servers agrees on a leader of JetStream's meta group, and returns it. */
  leader(): Promise<NatsServer>;
  /** The same for one stream of the default account. */
  streamLeader(stream: string): Promise<NatsServer>;
}
