import {
  type Entry,
  FULL_KEYSPACE,
  type KeyRange,
  type PagedRead,
  type Source,
  type SourceIdentity,
  UnavailableError,
} from '@tidemark/core';
import type { EtcdClient } from './client/client.js';
import { RANGE } from './client/methods.js';
import { readPages } from './pages.js';
import { RevisionAssembler } from './watch/revisions.js';
import { watch } from './watch/watch.js';

/** An etcd cluster as a source of history. Reads only; reconnecting a broken tail is the caller's job. */
export class EtcdSource implements Source {
  /** Takes the client over: `close` closes it. */
  constructor(private readonly client: EtcdClient) {}

  async identity(signal: AbortSignal): Promise<SourceIdentity> {
    const request = { key: FULL_KEYSPACE.start, count_only: true };
    const { header } = await this.client.call(RANGE, request, { kind: 'read', signal });
    return header;
  }

  read(range: KeyRange, revision: number | undefined, signal: AbortSignal): Promise<PagedRead> {
    return readPages(this.client, { range, revision }, signal);
  }

  async *tail(startRevision: number, signal: AbortSignal): AsyncGenerator<readonly Entry[]> {
    const assembler = new RevisionAssembler(startRevision);
    for await (const responses of watch(this.client, { range: FULL_KEYSPACE, startRevision }, signal)) {
      const entries: Entry[] = [];
      try {
        for (const response of responses) assembler.accept(response, entries);
      } catch (error) {
        if (error instanceof UnavailableError) this.client.avoid();
        // What came before the fault is whole and in order.
        if (entries.length > 0) yield entries;
        throw error;
      }
      if (entries.length > 0) yield entries;
    }
  }

  async close(): Promise<void> {
    this.client.close();
  }
}
