import { Backoff, Bell, type Clock, describeError, type Logger, sleep, systemClock } from '@tidemark/core';
import type { EtcdClient } from '../client/client.js';
import { Lease } from './lease.js';

export interface SessionOptions {
  /** A node that is silent for this long has lost its roles, milliseconds. */
  readonly leaseTtlMs: number;
  readonly logger: Logger;
  readonly clock?: Clock;
}

/**
 * This node's presence in the coordination etcd: one lease at a time. All keys of a node are under its lease, so that they
 * end when the node does.
 */
export class CoordinationSession {
  private current: Lease | null = null;
  private readonly granted = new Bell();
  private readonly clock: Clock;
  private readonly logger: Logger;
  private readonly leaseTtlMs: number;

  /** Owns the client: `close` closes it. */
  constructor(
    readonly client: EtcdClient,
    options: SessionOptions,
  ) {
    this.leaseTtlMs = options.leaseTtlMs;
    this.logger = options.logger;
    this.clock = options.clock ?? systemClock;
  }

  /** Holds a lease until `signal` aborts, then revokes it. A lost lease is followed by a new one. */
  async run(signal: AbortSignal): Promise<void> {
    const backoff = new Backoff({ initialMs: 200, maxMs: 5_000, clock: this.clock });
    while (!signal.aborted) {
      try {
        await this.holdOne(signal);
        // etcd had granted a lease: the lost one is replaced at once, however often that happens.
        backoff.reset();
      } catch (error) {
        if (!signal.aborted) this.logger.warn({ reason: describeError(error) }, 'no lease from the coordination etcd');
      }
      if (!signal.aborted) await sleep(backoff.next(), signal);
    }
  }

  /** Waits for a lease; null when `signal` aborts first. */
  async lease(signal: AbortSignal): Promise<Lease | null> {
    while (this.current === null && !signal.aborted) await this.granted.wait(signal);
    return signal.aborted ? null : this.current;
  }

  async close(): Promise<void> {
    this.client.close();
  }

  private async holdOne(signal: AbortSignal): Promise<void> {
    const { client, clock, logger } = this;
    const lease = await Lease.grant(this.leaseTtlMs, { client, clock, logger }, signal);
    this.current = lease;
    this.granted.ring();
    try {
      await lease.keepAlive(signal);
      if (lease.signal.aborted) logger.warn({ reason: describeError(lease.signal.reason) }, 'lease lost');
    } finally {
      this.current = null;
      // A lost lease is revoked too: if etcd still has it, its keys block this node until it expires.
      await lease.revoke();
    }
  }
}
