import {
  Backoff,
  type Claim,
  type CoordinationPrefixes,
  describeError,
  type KeyRange,
  type KeyValue,
  type Logger,
  type Ownership,
  type OwnershipView,
  prefixRange,
  TidemarkError,
} from '@tidemark/core';
import { RANGE } from '../client/methods.js';
import { TO_THE_END } from '../watch/watch.js';
import { readForCertain } from './certain-read.js';
import { runsFor } from './key.js';
import { OwnerKey } from './owner-key.js';
import { OwnershipMirror } from './ownership-mirror.js';
import type { CoordinationSession } from './session.js';

export interface OwnershipOptions {
  readonly prefixes: Pick<CoordinationPrefixes, 'nodes' | 'owners'>;
  /** Name of this node. */
  readonly node: string;
  readonly logger: Logger;
}

/** The revision of the store that was seen last. */
type Seen = Pick<OwnershipView, 'revision' | 'history'>;

/** Everything is read again this often, milliseconds: a watch that lost an event must not decide for long. */
const READ_AGAIN_MS = 5_000;

/**
 * Owners as keys: one for each destination, under the session's one lease, created by a node that finds it missing. One read
 * and one watch show a node everything, however many destinations there are. An election for each destination would cost
 * a key for each node and destination, and a watch for each key that is waited for.
 */
export class EtcdOwnership implements Ownership {
  /** Nodes and owners are adjacent in key order, so one range holds both. */
  private readonly range: KeyRange;

  constructor(
    private readonly session: CoordinationSession,
    private readonly options: OwnershipOptions,
  ) {
    const { nodes, owners } = options.prefixes;
    this.range = { start: prefixRange(Buffer.from(nodes)).start, end: prefixRange(Buffer.from(owners)).end };
  }

  async *follow(signal: AbortSignal): AsyncGenerator<OwnershipView> {
    const backoff = new Backoff({ initialMs: 500, maxMs: 2_000 });
    let seen: Seen = { revision: 0, history: 0 };
    while (!signal.aborted) {
      try {
        for await (const view of this.forAWhile(seen, signal)) {
          backoff.reset();
          seen = view;
          yield view;
        }
      } catch (error) {
        if (!(error instanceof TidemarkError)) throw error;
        if (!signal.aborted)
          this.options.logger.debug({ reason: describeError(error) }, 'nodes and owners could not be read');
        await backoff.wait(signal);
      }
    }
  }

  async claim(destination: string, signal: AbortSignal): Promise<Claim | null> {
    const lease = await this.session.lease(signal);
    if (lease === null) return null;
    const { prefixes, node, logger } = this.options;
    const key = new OwnerKey({
      ...{ client: this.session.client, lease, logger },
      ...{ key: Buffer.from(`${prefixes.owners}${destination}`), node },
    });
    return await key.claim(signal);
  }

  /** One read, and what follows it. */
  private async *forAWhile(seen: Seen, signal: AbortSignal): AsyncGenerator<OwnershipView> {
    const { range } = this;
    const { kvs, revision, history } = await this.readAfter(seen, signal);
    const mirror = new OwnershipMirror(this.options.prefixes, { revision, history }, kvs);
    yield mirror.view;
    const target = { range, startRevision: revision + 1, forMs: READ_AGAIN_MS };
    for await (const runs of runsFor(this.session.client, target, signal)) {
      for (const run of runs) mirror.apply(run);
      yield mirror.view;
    }
  }

  /** A read at `seen` or later. An older one is stale and is repeated, or the store was set back: another history begins. */
  private async readAfter(seen: Seen, signal: AbortSignal): Promise<Seen & { readonly kvs: readonly KeyValue[] }> {
    const { client } = this.session;
    const { range } = this;
    const request = { key: range.start, range_end: range.end ?? TO_THE_END };
    const { kvs, header } = await client.call(RANGE, request, { kind: 'read', signal });
    if (header.revision >= seen.revision) return { kvs, revision: header.revision, history: seen.history };
    const now = await readForCertain(client, range, signal);
    const { revision } = now.header;
    if (revision >= seen.revision) return { kvs: now.kvs, revision, history: seen.history };
    this.options.logger.warn(
      { revision, seen: seen.revision },
      'the coordination etcd was set back, reading all owners again',
    );
    return { kvs: now.kvs, revision, history: seen.history + 1 };
  }
}
