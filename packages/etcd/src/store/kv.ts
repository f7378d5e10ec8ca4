import { type ForeignWrite, FULL_KEYSPACE, type KeyRange, type KeyValue, type PagedRead } from '@tidemark/core';
import type { EtcdClient } from '../client/client.js';
import { ENCODED_TXN, RANGE, TXN } from '../client/methods.js';
import { TO_THE_END } from '../watch/watch.js';
import { type CheckpointedTxn, encodeCheckpointedTxn } from '../wire/transaction.js';
import { type ForeignOptions, foreignChanges } from './foreign.js';
import { readPages } from './pages.js';

export type CheckpointedOutcome =
  | { readonly succeeded: true; readonly revision: number }
  /** Nothing was written: the checkpoint key holds `found`, null when it is absent. */
  | { readonly succeeded: false; readonly found: Buffer | null };

export interface ConditionalPut {
  readonly key: Buffer;
  /** Null deletes the key. */
  readonly value: Buffer | null;
  readonly unchanged: readonly { readonly key: Buffer; readonly modRevision: number }[];
}

/** A transaction of thousands of operations takes etcd a good part of a second, and waits for others before it. */
const TXN_TIMEOUT_MS = 10_000;
/** Operations of one transaction, below the default `--max-txn-ops` of 128. */
const READS_PER_TXN = 100;
/** etcd counts by walking its index: a second for some millions of keys. */
const COUNT_TIMEOUT_MS = 10_000;

/** The keys of an etcd cluster, for a writer. */
export class EtcdKv {
  /** Owns the client: `close` closes it. */
  constructor(private readonly client: EtcdClient) {}

  /** One key, by a linearizable read, and the revision of the store at which it was read. */
  async get(key: Buffer, signal: AbortSignal): Promise<{ readonly kv: KeyValue | null; readonly revision: number }> {
    const { kvs, header } = await this.client.call(RANGE, { key }, { kind: 'read', signal });
    return { kv: kvs[0] ?? null, revision: header.revision };
  }

  /** etcd's cluster id, as a decimal string. */
  async clusterId(signal: AbortSignal): Promise<string> {
    const request = { key: FULL_KEYSPACE.start, count_only: true };
    return (await this.client.call(RANGE, request, { kind: 'read', signal })).header.clusterId;
  }

  /**
   * Puts one key, or deletes it when the value is null, provided that some keys were last written in the revisions that
   * are named, 0 for absent ones. False when one was written since, also by an earlier attempt of this very call.
   */
  async putAfter({ key, value, unchanged }: ConditionalPut, signal: AbortSignal): Promise<boolean> {
    const operation = value === null ? { request_delete_range: { key } } : { request_put: { key, value } };
    const compare = unchanged.map((each) => {
      return { result: 'Equal', target: 'Mod', key: each.key, mod_revision: each.modRevision } as const;
    });
    const options = { kind: 'write', repeatable: true, signal } as const;
    return (await this.client.call(TXN, { compare, success: [operation] }, options)).succeeded;
  }

  /** The checkpoint and the values of some keys, null where absent, all at the revision at which the checkpoint was read. */
  async getTogether(
    checkpointKey: Buffer,
    keys: readonly Buffer[],
    signal: AbortSignal,
  ): Promise<{ readonly checkpoint: Buffer | null; readonly values: readonly (Buffer | null)[] }> {
    const { kv, revision } = await this.get(checkpointKey, signal);
    const values: (Buffer | null)[] = [];
    for (let from = 0; from < keys.length; from += READS_PER_TXN) {
      const reads = keys.slice(from, from + READS_PER_TXN).map((key) => ({ request_range: { key, revision } }));
      const { ranges } = await this.client.call(TXN, { success: reads }, { kind: 'read', signal });
      for (const { kvs } of ranges) values.push(kvs[0]?.value ?? null);
    }
    return { checkpoint: kv?.value ?? null, values };
  }

  /** The number of live keys in a range. */
  async count(range: KeyRange, signal: AbortSignal): Promise<number> {
    const request = { key: range.start, range_end: range.end ?? TO_THE_END, count_only: true };
    const { count } = await this.client.call(RANGE, request, { kind: 'read', timeoutMs: COUNT_TIMEOUT_MS, signal });
    return count;
  }

  /** Foreign writes in the ranges: see {@link foreignChanges}. */
  foreignChanges(options: ForeignOptions, signal: AbortSignal): AsyncGenerator<readonly ForeignWrite[]> {
    return foreignChanges(this.client, options, signal);
  }

  /** The live keys of a range in key order, all at `revision`, or at the newest one when it is undefined. */
  readPages(range: KeyRange, revision: number | undefined, signal: AbortSignal): Promise<PagedRead> {
    return readPages(this.client, { range, revision }, signal);
  }

  /**
   * Writes everything and the new checkpoint in one transaction, hence in one revision, if the checkpoint is the expected
   * one. Up to MAX_WRITES writes with the default `--max-txn-ops` of 128, and up to the server's `--max-request-bytes`.
   *
   * An attempt without an answer is sent again, to the next member; the compare makes that harmless. A `found` that equals
   * `next` means that an earlier attempt was carried out.
   *
   * @throws AmbiguousWriteError when no member gave an answer: the transaction is in doubt, and may be carried out later
   * @throws UnavailableError when no member could be reached
   * @throws RequestTooLargeError
   * @throws DestinationFullError
   * @throws AccessDeniedError
   */
  async executeCheckpointed(txn: CheckpointedTxn, signal: AbortSignal): Promise<CheckpointedOutcome> {
    const options = { kind: 'write', repeatable: true, timeoutMs: TXN_TIMEOUT_MS, signal } as const;
    const outcome = await this.client.call(ENCODED_TXN, encodeCheckpointedTxn(txn), options);
    if (outcome.succeeded) return { succeeded: true, revision: outcome.header.revision };
    return { succeeded: false, found: outcome.ranges[0]?.kvs[0]?.value ?? null };
  }

  async close(): Promise<void> {
    this.client.close();
  }
}
