import {
  Backoff,
  type Claim,
  type CoordinationPrefixes,
  describeError,
  type KeyRange,
  type Logger,
  type Ownership,
  type OwnershipView,
  prefixRange,
  TidemarkError,
} from '@tidemark/core';
import { RANGE } from '../client/methods.js';
import { TO_THE_END } from '../watch/watch.js';
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

/** What the watch shows is read again this often: a watch that lost something must not decide for long. */
const READ_AGAIN_MS = 5_000;

/**
 * Owners as keys: one for each destination, under the session's one lease, created by whoever finds it missing. Everything
 * a node has to know comes by one read and one watch, however many destinations there are. An election for each would
 * cost a key for each node and destination, and a watch for each key that is waited for.
 */
export class EtcdOwnership implements Ownership {
  /** Nodes and owners lie next to each other: nothing else is between them, so one range holds both. */
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
    while (!signal.aborted) {
      try {
        for await (const view of this.forAWhile(signal)) {
          backoff.reset();
          yield view;
        }
      } catch (error) {
        if (!(error instanceof TidemarkError)) throw error;
        if (!signal.aborted) this.options.logger.debug({ reason: describeError(error) }, 'nodes and owners not seen');
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
  private async *forAWhile(signal: AbortSignal): AsyncGenerator<OwnershipView> {
    const { client } = this.session;
    const { range } = this;
    const request = { key: range.start, range_end: range.end ?? TO_THE_END };
    const { kvs, header } = await client.call(RANGE, request, { kind: 'read', signal });
    const mirror = new OwnershipMirror(this.options.prefixes, header.revision, kvs);
    yield mirror.view;
    const target = { range, startRevision: header.revision + 1, forMs: READ_AGAIN_MS };
    for await (const runs of runsFor(client, target, signal)) {
      for (const run of runs) mirror.apply(run);
      yield mirror.view;
    }
  }
}
