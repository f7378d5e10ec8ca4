import {
  Backoff,
  Bell,
  describeError,
  type Logger,
  type NodeInfo,
  parseNode,
  prefixRange,
  Scope,
  silentLogger,
  TidemarkError,
} from '@tidemark/core';
import { RANGE, TXN } from '../client/methods.js';
import { TO_THE_END } from '../watch/watch.js';
import { keyGone } from './key.js';
import type { CoordinationSession } from './session.js';

const WITHDRAW_TIMEOUT_MS = 1_000;

export interface RegistryOptions {
  /** Nodes are under it; ends with "/". */
  readonly prefix: string;
  readonly logger?: Logger;
}

/** The live nodes of a pipeline: a key for each, written once under the node's lease. */
export class NodeRegistry {
  private readonly logger: Logger;
  private isListed = false;
  private readonly listed = new Bell();

  constructor(
    private readonly session: CoordinationSession,
    private readonly options: RegistryOptions,
  ) {
    this.logger = options.logger ?? silentLogger;
  }

  /** Keeps this node listed until `signal` aborts; the key is deleted when the session ends. */
  async announce(node: NodeInfo, signal: AbortSignal): Promise<void> {
    const backoff = new Backoff({ initialMs: 200, maxMs: 5_000 });
    while (!signal.aborted) {
      try {
        await this.announceOnce(node, signal);
      } catch (error) {
        if (!signal.aborted) this.logger.warn({ reason: describeError(error) }, 'node not registered');
      }
      await backoff.wait(signal);
    }
  }

  /** Resolves when this node was listed for the first time, or when `signal` aborts. */
  async registered(signal: AbortSignal): Promise<void> {
    while (!this.isListed && !signal.aborted) await this.listed.wait(signal);
  }

  /**
   * Takes this node off the list before the session ends, and after `announce` has ended. Its destinations then get other
   * owners without a grace period. Best effort: without an answer the key expires with the lease.
   */
  async withdraw(id: string): Promise<void> {
    const { signal } = new AbortController();
    const request = { success: [{ request_delete_range: { key: this.keyOf(id) } }] };
    const options = { kind: 'write', repeatable: true, timeoutMs: WITHDRAW_TIMEOUT_MS, signal } as const;
    try {
      await this.session.client.call(TXN, request, options);
    } catch (error) {
      if (!(error instanceof TidemarkError)) throw error;
      this.logger.debug(
        { reason: describeError(error) },
        'node not taken off the list: its key expires with its lease',
      );
    }
  }

  /** All nodes that are alive, in the order of their ids. */
  async list(signal: AbortSignal): Promise<readonly NodeInfo[]> {
    const { start, end } = prefixRange(Buffer.from(this.options.prefix));
    const request = { key: start, range_end: end ?? TO_THE_END };
    const { kvs } = await this.session.client.call(RANGE, request, { kind: 'read', signal });
    return kvs.flatMap(({ value }) => parseNode(value) ?? []);
  }

  /** Until the lease is lost, or somebody deleted the key. */
  private async announceOnce(node: NodeInfo, signal: AbortSignal): Promise<void> {
    const lease = await this.session.lease(signal);
    if (lease === null) return;
    const { client } = this.session;
    const key = this.keyOf(node.id);
    const put = { key, value: Buffer.from(JSON.stringify(node)), lease: String(lease.id) };
    const request = { success: [{ request_put: put }, { request_range: { key } }] };
    const { ranges } = await client.call(TXN, request, { kind: 'write', repeatable: true, signal });
    this.isListed = true;
    this.listed.ring();
    const createRevision = ranges[0]?.kvs[0]?.createRevision ?? 0;
    const scope = new Scope(signal, lease.signal);
    try {
      await keyGone(client, { key, createRevision, pollMs: lease.ttlMs }, scope.signal);
    } finally {
      scope.end();
    }
  }

  private keyOf(id: string): Buffer {
    return Buffer.from(this.options.prefix + id);
  }
}
