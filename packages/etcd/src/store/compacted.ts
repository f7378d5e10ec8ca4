import { aborted, Scope, UnavailableError } from '@tidemark/core';
import type { EtcdClient } from '../client/client.js';
import { WATCH } from '../client/methods.js';
import { ResponseQueue } from '../watch/queue.js';

/**
 * etcd serves watchers that are behind every 100 ms, and only then cancels one that starts in compacted history. Without a
 * cancellation in ten times that long, revision 1 still exists.
 */
const ANSWER_WITHIN_MS = 1_000;

/**
 * The revision up to which the store is compacted, 0 when it never was. No call returns it, but etcd cancels a watcher that
 * starts at revision 1 with it. The watcher filters out all events, so that an uncompacted history is not sent.
 *
 * @throws UnavailableError
 */
export async function compactedRevision(client: EtcdClient, signal: AbortSignal): Promise<number> {
  const { stream, member } = await client.open(WATCH, signal);
  const queue = new ResponseQueue(stream);
  const scope = Scope.within(ANSWER_WITHIN_MS, signal);
  void aborted(scope.signal).then(() => queue.end(null));
  try {
    const filters = ['Noput', 'Nodelete'] as const;
    stream.write({ create_request: { key: Buffer.from([0]), start_revision: 1, filters: [...filters] } });
    for (let batch = await queue.take(); batch !== null; batch = await queue.take()) {
      const cancelled = batch.find((response) => response.canceled);
      if (cancelled === undefined) continue;
      if (cancelled.compactRevision > 0) return cancelled.compactRevision;
      throw new UnavailableError({
        message: 'The source cancelled a watcher.',
        remedy: 'Nothing to do: it is tried again.',
      });
    }
    return 0;
  } catch (error) {
    throw client.failed(member, error);
  } finally {
    scope.end();
    queue.close();
    stream.cancel();
  }
}
