import {
  Backoff,
  describeError,
  type Elector,
  type Leadership,
  type Logger,
  Scope,
  TidemarkError,
} from '@tidemark/core';
import { Candidacy } from './candidacy.js';
import { HeldLeadership } from './held-leadership.js';
import { keyGone } from './key.js';
import type { Lease } from './lease.js';
import type { CoordinationSession } from './session.js';

export interface ElectorOptions {
  /** All candidates of this election are under it; ends with "/". */
  readonly prefix: string;
  /** Name of this node, for people who look at the keys. */
  readonly candidate: string;
  readonly logger: Logger;
}

/**
 * Elects by create revision, like etcd's own concurrency package, on plain transactions: etcd3's Election can wait for
 * its own key for ever, reports a lost lease a whole TTL late, and does not notice when the leader's key is deleted.
 */
export class EtcdElector implements Elector {
  constructor(
    private readonly session: CoordinationSession,
    private readonly options: ElectorOptions,
  ) {}

  async lead(work: (leadership: Leadership) => Promise<void>, signal: AbortSignal): Promise<void> {
    const backoff = new Backoff({ initialMs: 100, maxMs: 5_000 });
    while (!signal.aborted) {
      try {
        await this.campaign(work, signal);
        // The campaign succeeded, and its leadership ended: this node is a candidate again at once.
        backoff.reset();
      } catch (error) {
        if (!signal.aborted) this.options.logger.warn({ reason: describeError(error) }, 'campaign or leadership ended');
      }
      await backoff.wait(signal);
    }
  }

  /** From one candidacy to its end. */
  private async campaign(work: (leadership: Leadership) => Promise<void>, signal: AbortSignal): Promise<void> {
    const lease = await this.session.lease(signal);
    if (lease === null) return;
    const { prefix, candidate } = this.options;
    const { client } = this.session;
    const candidacy = new Candidacy({ client, lease, prefix: Buffer.from(prefix), candidate });
    const waiting = new Scope(signal, lease.signal);
    try {
      await candidacy.register(waiting.signal);
      await this.waitForTurn(candidacy, lease, waiting.signal);
      if (!waiting.signal.aborted) await this.serve(candidacy, { lease, work, signal });
    } finally {
      waiting.end();
      await this.resign(candidacy);
    }
  }

  /**
   * The predecessor is asked for again after each lease time, which also compares our own key. A restore from a backup
   * sets both back, and their create revisions are given out again: a key that looks like the predecessor's can be newer
   * than ours, while its node waits for our key of before the restore. Each would wait for the other for good.
   * @throws LeadershipLostError when our own key is gone
   */
  private async waitForTurn(candidacy: Candidacy, lease: Lease, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const predecessor = await candidacy.predecessor(signal);
      if (predecessor === null) return;
      const scope = Scope.within(lease.ttlMs, signal);
      await keyGone(this.session.client, { ...predecessor, pollMs: lease.ttlMs / 3 }, scope.signal);
      scope.end();
    }
  }

  private async serve(
    candidacy: Candidacy,
    tenure: { lease: Lease; work: (leadership: Leadership) => Promise<void>; signal: AbortSignal },
  ): Promise<void> {
    const { lease, work, signal } = tenure;
    const { logger, candidate } = this.options;
    const leadership = new HeldLeadership(candidacy, lease, signal);
    const over = new AbortController();
    const { key, createRevision } = candidacy;
    const guard = keyGone(this.session.client, { key, createRevision, pollMs: lease.ttlMs / 3 }, over.signal);
    const guarded = guard.then(() => {
      if (!over.signal.aborted) leadership.lose('its election key is gone');
    });
    logger.info({ candidate, token: createRevision }, 'elected');
    try {
      await work(leadership);
    } finally {
      over.abort();
      await guarded;
    }
  }

  private async resign(candidacy: Candidacy): Promise<void> {
    try {
      await candidacy.resign();
    } catch (error) {
      if (!(error instanceof TidemarkError)) throw error;
      this.options.logger.debug(
        { reason: describeError(error) },
        'election key not deleted: it expires with its lease',
      );
    }
  }
}
