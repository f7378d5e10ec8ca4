import { LeadershipLostError, prefixRange } from '@tidemark/core';
import type { ITxnRequest } from 'etcd3';
import type { CallOptions, EtcdClient } from '../client/client.js';
import { TXN } from '../client/methods.js';
import { TO_THE_END } from '../watch/watch.js';
import type { TxnOutcome } from '../wire/responses.js';
import type { CreatedKey } from './key.js';
import type { Lease } from './lease.js';

const RESIGN_TIMEOUT_MS = 2_000;

export interface CandidacyOptions {
  readonly client: EtcdClient;
  readonly lease: Lease;
  /** All candidates of one election are under it. */
  readonly prefix: Buffer;
  /** Name of the node, for people. */
  readonly candidate: string;
}

/**
 * One entry in an election: a key that is named after the lease and lives under it. The candidate whose key has the
 * smallest create revision leads; that revision is the fencing token. Only this candidate writes the key, so a request
 * without an answer can always be repeated.
 */
export class Candidacy {
  readonly key: Buffer;
  private readonly value: Buffer;
  private created = 0;

  constructor(private readonly options: CandidacyOptions) {
    const name = options.lease.id.toString(16).padStart(16, '0');
    this.key = Buffer.concat([options.prefix, Buffer.from(name)]);
    this.value = Buffer.from(options.candidate);
  }

  /** Create revision of the key: the fencing token. 0 before `register`. */
  get createRevision(): number {
    return this.created;
  }

  /** Puts the key. It may exist already, from an attempt whose answer was lost. */
  async register(signal: AbortSignal): Promise<void> {
    const { key } = this;
    const { succeeded, header, ranges } = await this.txn(
      {
        compare: [{ result: 'Equal', target: 'Create', key, create_revision: 0 }],
        success: [this.put()],
        failure: [{ request_range: { key } }],
      },
      { kind: 'write', repeatable: true, signal },
    );
    this.created = succeeded ? header.revision : (ranges[0]?.kvs[0]?.createRevision ?? 0);
    if (this.created === 0) throw this.gone();
  }

  /**
   * The candidate directly before us, null when we lead.
   * @throws LeadershipLostError when our own key is gone
   */
  async predecessor(signal: AbortSignal): Promise<CreatedKey | null> {
    const { start, end } = prefixRange(this.options.prefix);
    const before = {
      key: start,
      range_end: end ?? TO_THE_END,
      max_create_revision: this.created - 1,
      sort_target: 'Create',
      sort_order: 'Descend',
      limit: 1,
      keys_only: true,
    } as const;
    // One transaction, so that both answers are of one state: the candidates before us are complete only if our key exists.
    const request = { compare: [this.isOurs()], success: [{ request_range: before }] };
    const { succeeded, ranges } = await this.txn(request, { kind: 'read', signal });
    if (!succeeded) throw this.gone();
    return ranges[0]?.kvs[0] ?? null;
  }

  /**
   * Proves it by a transaction that writes: a read may be stale (etcd #20418), a write cannot be.
   * @throws LeadershipLostError when the key is gone
   */
  async prove(signal: AbortSignal): Promise<void> {
    const request = { compare: [this.isOurs()], success: [this.put()] };
    const { succeeded } = await this.txn(request, { kind: 'write', repeatable: true, signal });
    if (!succeeded) throw this.gone();
  }

  /** Deletes the key, so that the next candidate leads at once. */
  async resign(): Promise<void> {
    const { signal } = new AbortController();
    const options = { kind: 'write', repeatable: true, timeoutMs: RESIGN_TIMEOUT_MS, signal } as const;
    await this.txn({ success: [{ request_delete_range: { key: this.key } }] }, options);
  }

  private txn(request: ITxnRequest, options: CallOptions): Promise<TxnOutcome> {
    return this.options.client.call(TXN, request, options);
  }

  private put() {
    return { request_put: { key: this.key, value: this.value, lease: String(this.options.lease.id) } };
  }

  private isOurs() {
    return { result: 'Equal', target: 'Create', key: this.key, create_revision: this.created } as const;
  }

  private gone(): LeadershipLostError {
    return new LeadershipLostError({
      message: `the election key of ${this.options.candidate} is gone`,
      remedy: 'Nothing to do: Tidemark campaigns again. Somebody deleted the key, or the lease expired.',
    });
  }
}
