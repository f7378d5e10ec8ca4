import { ApiClient } from '@tidemark/api';
import { NotLeadingError } from '@tidemark/leader';
import { NotOwnedError } from '../node/configured-destination.js';
import type { Node } from '../node/node.js';

/** Milliseconds a verb gets that another node carries out. */
const FORWARD_TIMEOUT_MS = 60_000;

/** The query of a request that was passed on. */
export const FORWARDED = { forwarded: 'yes' };

/** A request. If another node passed it on, it is not passed on again: this node led or owned a moment ago, and the caller asks again. */
interface Passed {
  readonly query: { readonly forwarded?: string | undefined };
  readonly signal: AbortSignal;
}

type There<T> = (client: ApiClient) => Promise<T>;

/** Passes on what only another node can do. */
export class Forwarding {
  /** @param token of this pipeline's nodes */
  constructor(
    private readonly view: Pick<Node, 'leaderAddress' | 'ownerAddress'>,
    private readonly token: string | null,
  ) {}

  /** Does the work here when this node leads, and otherwise has the leader do it. */
  async atLeader<T>({ query, signal }: Passed, here: () => Promise<T>, there: There<T>): Promise<T> {
    try {
      return await here();
    } catch (error) {
      if (!(error instanceof NotLeadingError)) throw error;
      const leader = query.forwarded === undefined ? await this.view.leaderAddress(signal) : null;
      if (leader !== null) return await there(this.client(leader));
      throw new NotLeadingError({ message: 'No node leads at the moment.', remedy: 'See `tidemark status`.' });
    }
  }

  /** Does the work here when this node owns the destination, and otherwise has its owner do it. */
  async atOwner<T>(
    { params, query, signal }: Passed & { readonly params: { readonly name: string } },
    here: () => Promise<T>,
    there: There<T>,
  ): Promise<T> {
    try {
      return await here();
    } catch (error) {
      if (!(error instanceof NotOwnedError)) throw error;
      const owner = query.forwarded === undefined ? await this.view.ownerAddress(params.name, signal) : null;
      if (owner === null) throw error;
      return await there(this.client(owner));
    }
  }

  private client(listen: string): ApiClient {
    return new ApiClient({ listen, timeoutMs: FORWARD_TIMEOUT_MS, token: this.token ?? undefined });
  }
}
