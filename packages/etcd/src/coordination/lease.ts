import { type Clock, describeError, LeadershipLostError, type Logger, sleep } from '@tidemark/core';
import type { EtcdClient } from '../client/client.js';
import { LEASE_GRANT, LEASE_KEEP_ALIVE, LEASE_REVOKE } from '../client/methods.js';
import { roundTrip } from '../client/round-trip.js';

/** Safety margin, as a share of the TTL: etcd's clock and ours may drift apart, and a write takes time to arrive. */
const MARGIN = 0.1;
/** Renewals per TTL. */
const RENEWALS_PER_TTL = 3;
/** A renewal without an answer goes to another member after this share of the TTL, */
const ANSWER_WITHIN = 1 / 6;
/** and after this pause, also as a share of the TTL. */
const PAUSE_AFTER_FAILURE = 1 / 20;
const REVOKE_TIMEOUT_MS = 2_000;

export interface LeaseOptions {
  readonly client: EtcdClient;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * A lease of this process. Its deadline by our own clock is before etcd's, because it counts from when the last answered
 * renewal was SENT, however long the answer took.
 */
export class Lease {
  private readonly lost = new AbortController();
  private deadline: number;
  private timer: NodeJS.Timeout;

  /** etcd's lease id. */
  readonly id: bigint;
  /** As granted, milliseconds: etcd may grant more than was requested. */
  readonly ttlMs: number;

  private constructor(
    granted: { readonly id: bigint; readonly ttlMs: number; readonly sentAt: number },
    private readonly options: LeaseOptions,
  ) {
    this.id = granted.id;
    this.ttlMs = granted.ttlMs;
    this.deadline = deadlineFrom(granted.sentAt, granted.ttlMs);
    this.timer = this.schedule();
  }

  static async grant(ttlMs: number, options: LeaseOptions, signal: AbortSignal): Promise<Lease> {
    const sentAt = options.clock.monotonic();
    // Repeatable: a lease whose grant was not answered holds no keys and expires.
    const call = { kind: 'write', repeatable: true, signal } as const;
    const granted = await options.client.call(LEASE_GRANT, { TTL: Math.ceil(ttlMs / 1_000), ID: 0 }, call);
    return new Lease({ id: BigInt(granted.ID), ttlMs: Number(granted.TTL) * 1_000, sentAt }, options);
  }

  /** Aborts when the lease is lost, or may have expired. */
  get signal(): AbortSignal {
    return this.lost.signal;
  }

  /** Synchronous, by monotonic clock. @throws LeadershipLostError when the lease may have expired */
  assertAlive(): void {
    if (this.options.clock.monotonic() >= this.deadline) this.lose('its deadline passed without an answered renewal');
    if (this.lost.signal.aborted) throw this.lost.signal.reason;
  }

  /** Renews until the lease is lost or `signal` aborts. */
  async keepAlive(signal: AbortSignal): Promise<void> {
    const stop = AbortSignal.any([signal, this.signal]);
    let pauseMs = this.ttlMs / RENEWALS_PER_TTL;
    while (!stop.aborted) {
      await sleep(pauseMs, stop);
      if (stop.aborted) return;
      const renewed = await this.renew(stop);
      pauseMs = this.ttlMs * (renewed ? 1 / RENEWALS_PER_TTL : PAUSE_AFTER_FAILURE);
    }
  }

  /** Deletes all keys of the lease. Best effort: without an answer they are deleted when the lease expires. */
  async revoke(): Promise<void> {
    clearTimeout(this.timer);
    const call = { kind: 'write', repeatable: true, timeoutMs: REVOKE_TIMEOUT_MS } as const;
    const { signal } = new AbortController();
    try {
      await this.options.client.call(LEASE_REVOKE, { ID: String(this.id) }, { ...call, signal });
    } catch (error) {
      this.options.logger.debug({ reason: describeError(error) }, 'lease not revoked: it expires by itself');
    }
    this.lose('it was revoked');
  }

  private async renew(signal: AbortSignal): Promise<boolean> {
    const { client, clock, logger } = this.options;
    const sentAt = clock.monotonic();
    try {
      const options = { timeoutMs: this.ttlMs * ANSWER_WITHIN, signal };
      const { TTL } = await roundTrip(client, LEASE_KEEP_ALIVE, { ID: String(this.id) }, options);
      // etcd answers 0 instead of an error for a lease that has expired.
      if (Number(TTL) <= 0) this.lose('etcd no longer knows it');
      else this.extend(deadlineFrom(sentAt, Number(TTL) * 1_000));
      return true;
    } catch (error) {
      if (!signal.aborted) logger.warn({ reason: describeError(error) }, 'lease not renewed, trying another member');
      return false;
    }
  }

  private extend(deadline: number): void {
    // After a suspension an answer can be handled before the timer that should have ended the lease. A lost lease stays
    // lost: somebody else may have led in between.
    if (this.options.clock.monotonic() >= this.deadline)
      this.lose('its deadline passed while this process was suspended');
    if (this.lost.signal.aborted) return;
    this.deadline = deadline;
    clearTimeout(this.timer);
    this.timer = this.schedule();
  }

  private schedule(): NodeJS.Timeout {
    const delay = Math.max(0, this.deadline - this.options.clock.monotonic());
    return setTimeout(() => this.lose('its deadline passed without an answered renewal'), delay);
  }

  private lose(why: string): void {
    clearTimeout(this.timer);
    if (this.lost.signal.aborted) return;
    this.lost.abort(
      new LeadershipLostError({
        message: `the lease of this node is lost: ${why}`,
        remedy: 'Nothing to do: Tidemark takes a new lease. Check the coordination etcd if this repeats.',
      }),
    );
  }
}

function deadlineFrom(sentAt: number, ttlMs: number): number {
  return sentAt + ttlMs * (1 - MARGIN);
}
