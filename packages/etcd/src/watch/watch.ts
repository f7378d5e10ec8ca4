import {
  InvariantError,
  type KeyRange,
  SourceCompactedError,
  type TidemarkError,
  UnavailableError,
} from '@tidemark/core';
import type { IWatchRequest } from 'etcd3';
import type { EtcdClient } from '../client/client.js';
import { InvalidTokenError } from '../client/errors.js';
import { WATCH, WATCH_KEYS } from '../client/methods.js';
import type { WatchResponse } from '../wire/responses.js';
import { DEFAULT_LIVENESS, type LivenessOptions, LivenessProbe } from './liveness.js';
import { ResponseQueue } from './queue.js';

/** In requests: up to the end of the keyspace. */
export const TO_THE_END = Buffer.from([0]);

export interface WatchOptions {
  readonly range: KeyRange;
  /** Inclusive, 1 at least. */
  readonly startRevision: number;
  readonly liveness?: LivenessOptions;
  /** Large responses come in pieces, unless false. */
  readonly fragment?: boolean;
  /** Puts come with an empty value: the values that etcd sends are dropped. */
  readonly keysOnly?: boolean;
}

/**
 * One watcher on a stream of its own. Yields the responses that have arrived since the last pull. The caller opens the next
 * watcher after a fault, from the position that it has made durable. Ends quietly when `signal` aborts.
 *
 * No filters, because only consecutive revisions show that no event was lost, and no prev_kv, because previous values are
 * best effort on the server. Fragments, because one revision, or a catch-up of a thousand, may be of any size.
 *
 * @throws SourceCompactedError when `startRevision` is compacted, or gets compacted before it was sent
 * @throws UnavailableError when the stream broke or fell silent; the next watch prefers another member
 * @throws AccessDeniedError
 */
export async function* watch(
  client: EtcdClient,
  options: WatchOptions,
  signal: AbortSignal,
): AsyncGenerator<readonly WatchResponse[]> {
  // 0 means "from now on" to etcd: changes before the request arrives would be missing. Negative start revisions
  // break other clients' watchers (etcd #20655).
  const { range, startRevision, fragment = true } = options;
  if (!Number.isSafeInteger(startRevision) || startRevision < 1) {
    throw new InvariantError(`a watch cannot start at revision ${startRevision}`);
  }
  if (signal.aborted) return;
  const opened = await openUnlessAborted(client, options.keysOnly ? WATCH_KEYS : WATCH, signal);
  if (opened === null) return;
  const { stream, member } = opened;
  const queue = new ResponseQueue(stream);
  const probe = new LivenessProbe(queue, options.liveness ?? DEFAULT_LIVENESS, () => {
    stream.write({ progress_request: {} });
  });
  const abort = () => queue.close();
  signal.addEventListener('abort', abort, { once: true });
  try {
    stream.write(createRequest(range, startRevision, fragment));
    while (!signal.aborted) {
      const batch = await queue.take();
      if (batch === null) break;
      const end = batch.findIndex((response) => response.canceled);
      if (end < 0) yield batch;
      else {
        if (end > 0) yield batch.slice(0, end);
        throw cancellation(batch[end], startRevision);
      }
    }
    if (!signal.aborted) throw new Error('the watch stream ended');
  } catch (error) {
    const cast = reopenable(client.failed(member, error));
    if (cast instanceof UnavailableError) client.avoid(member);
    throw cast;
  } finally {
    signal.removeEventListener('abort', abort);
    probe.stop();
    queue.close();
    stream.cancel();
  }
}

async function openUnlessAborted(client: EtcdClient, method: typeof WATCH, signal: AbortSignal) {
  try {
    return await client.open(method, signal);
  } catch (error) {
    if (signal.aborted) return null;
    throw error;
  }
}

function createRequest(range: KeyRange, startRevision: number, fragment: boolean): IWatchRequest {
  const range_end = range.end ?? TO_THE_END;
  return { create_request: { key: range.start, range_end, start_revision: startRevision, fragment } };
}

/** Why a watcher was cancelled. For compaction etcd sets the revision and leaves the reason empty. */
function cancellation(response: WatchResponse | undefined, startRevision: number): Error {
  if (response === undefined || response.compactRevision === 0) {
    return new Error(response?.cancelReason || 'the watch was cancelled by the server');
  }
  return new SourceCompactedError({
    message: `watching from revision ${startRevision}: revisions before ${response.compactRevision} are compacted`,
    remedy: 'Nothing to do: the leader takes a new snapshot.',
  });
}

/** After an expired token the watch is opened again, and authenticates first. */
function reopenable(error: TidemarkError): TidemarkError {
  if (!(error instanceof InvalidTokenError)) return error;
  return new UnavailableError({ message: error.message, remedy: error.remedy, cause: error });
}
