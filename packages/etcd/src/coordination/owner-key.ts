import { type Claim, describeError, LeadershipLostError, type Logger, TidemarkError } from '@tidemark/core';
import type { ITxnRequest } from 'etcd3';
import type { CallOptions, EtcdClient } from '../client/client.js';
import { TXN } from '../client/methods.js';
import type { TxnOutcome } from '../wire/responses.js';
import { type HeldKey, HeldLeadership } from './held-leadership.js';
import type { Lease } from './lease.js';

const RELEASE_TIMEOUT_MS = 2_000;

export interface OwnerKeyOptions {
  readonly client: EtcdClient;
  readonly lease: Lease;
  /** The key of the destination: the node that creates it owns the destination. */
  readonly key: Buffer;
  /** Name of this node, which becomes the key's value. */
  readonly node: string;
  readonly logger: Logger;
}

/** The key that names the owner of one destination, as this node claims, proves and releases it. */
export class OwnerKey implements HeldKey {
  private created = 0;

  constructor(private readonly options: OwnerKeyOptions) {}

  get createRevision(): number {
    return this.created;
  }

  /** Creates the key; null when another node has it. A key under our own lease is from an attempt whose answer was lost. */
  async claim(signal: AbortSignal): Promise<Claim | null> {
    const { key, lease } = this.options;
    const { succeeded, header, ranges } = await this.txn(
      {
        compare: [{ result: 'Equal', target: 'Create', key, create_revision: 0 }],
        success: [this.put()],
        failure: [{ request_range: { key } }],
      },
      { kind: 'write', repeatable: true, signal },
    );
    const found = ranges[0]?.kvs[0];
    if (succeeded) this.created = header.revision;
    else if (found?.lease === lease.id) this.created = found.createRevision;
    else return null;
    return new HeldClaim(this, lease);
  }

  /** By a transaction that writes, because a read may be stale (etcd #20418). @throws LeadershipLostError */
  async prove(signal: AbortSignal): Promise<void> {
    const request = { compare: [this.isOurs()], success: [this.put()] };
    const { succeeded } = await this.txn(request, { kind: 'write', repeatable: true, signal });
    if (succeeded) return;
    throw new LeadershipLostError({
      message: `the key by which ${this.options.node} owned a destination is gone`,
      remedy: 'Nothing to do: the destination gets an owner again. Somebody deleted the key, or the lease expired.',
    });
  }

  /** False when there was no answer. */
  async release(): Promise<boolean> {
    const { signal } = new AbortController();
    const options = { kind: 'write', repeatable: true, timeoutMs: RELEASE_TIMEOUT_MS, signal } as const;
    const { key, logger } = this.options;
    try {
      // Compared, because the key may be the next owner's by now.
      await this.txn({ compare: [this.isOurs()], success: [{ request_delete_range: { key } }] }, options);
      return true;
    } catch (error) {
      if (!(error instanceof TidemarkError)) throw error;
      logger.debug({ reason: describeError(error) }, 'owner key not deleted: it expires with its lease');
      return false;
    }
  }

  private txn(request: ITxnRequest, options: CallOptions): Promise<TxnOutcome> {
    return this.options.client.call(TXN, request, options);
  }

  private put() {
    const { key, node, lease } = this.options;
    return { request_put: { key, value: Buffer.from(node), lease: String(lease.id) } };
  }

  private isOurs() {
    return { result: 'Equal', target: 'Create', key: this.options.key, create_revision: this.created } as const;
  }
}

class HeldClaim extends HeldLeadership implements Claim {
  constructor(
    private readonly ownerKey: OwnerKey,
    lease: Lease,
  ) {
    // No step-down signal: the placement ends the work, and a claim ends only with the key or the lease.
    super(ownerKey, lease, new AbortController().signal);
  }

  release(): Promise<boolean> {
    return this.ownerKey.release();
  }
}
