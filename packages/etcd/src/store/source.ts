import {
  type Entry,
  FULL_KEYSPACE,
  type KeyRange,
  type PagedRead,
  type Source,
  type SourceIdentity,
} from '@tidemark/core';
import type { EtcdClient } from '../client/client.js';
import { RANGE } from '../client/methods.js';
import { AfterSilence } from '../watch/after-silence.js';
import { follow } from '../watch/follow.js';
import { watch } from '../watch/watch.js';
import type { WatchResponse } from '../wire/responses.js';
import { compactedRevision } from './compacted.js';
import { readPages } from './pages.js';

/** An etcd cluster as a source of history. It only reads; the caller opens a broken tail again. */
export class EtcdSource implements Source {
  private readonly afterSilence = new AfterSilence();

  /** Owns the client: `close` closes it. */
  constructor(private readonly client: EtcdClient) {}

  async identity(signal: AbortSignal): Promise<SourceIdentity> {
    const request = { key: FULL_KEYSPACE.start, count_only: true };
    const { header } = await this.client.call(RANGE, request, { kind: 'read', signal });
    return header;
  }

  read(range: KeyRange, revision: number | undefined, signal: AbortSignal): Promise<PagedRead> {
    return readPages(this.client, { range, revision }, signal);
  }

  tail(startRevision: number, signal: AbortSignal): AsyncIterable<readonly Entry[]> {
    const { client } = this;
    const open = (from: number, stop: AbortSignal) => this.watch(from, stop);
    return follow({ open, startRevision, distrust: () => client.avoid() }, signal);
  }

  private watch(startRevision: number, signal: AbortSignal): AsyncGenerator<readonly WatchResponse[]> {
    return this.afterSilence.watch((fragment) =>
      watch(this.client, { range: FULL_KEYSPACE, startRevision, fragment }, signal),
    );
  }

  compactedRevision(signal: AbortSignal): Promise<number> {
    return compactedRevision(this.client, signal);
  }

  async close(): Promise<void> {
    this.client.close();
  }
}
