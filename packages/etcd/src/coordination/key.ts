import { type KeyRange, keyAfter, Scope, sleep, TidemarkError } from '@tidemark/core';
import type { EtcdClient } from '../client/client.js';
import { RANGE } from '../client/methods.js';
import { watch } from '../watch/watch.js';
import type { RangeResponse, RevisionRun } from '../wire/responses.js';
import { readForCertain } from './certain-read.js';

/** One creation of a key: a key that is deleted and created again is another one. */
export interface CreatedKey {
  readonly key: Buffer;
  readonly createRevision: number;
}

/**
 * Resolves when the key is gone, or when `signal` aborts. A watch shows it at once, a read every `pollMs` shows it for
 * certain. Faults in between are retried, because the lease bounds what the caller holds.
 */
export async function keyGone(
  client: EtcdClient,
  target: CreatedKey & { readonly pollMs: number },
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    try {
      const { kvs, header } = await readKey(client, target, signal);
      if (kvs[0]?.createRevision !== target.createRevision) return;
      await deletionSeen(client, { ...target, startRevision: header.revision + 1 }, signal);
    } catch (error) {
      if (!(error instanceof TidemarkError)) throw error;
      await sleep(target.pollMs / 4, signal);
    }
  }
}

/** A read that is older than the key is read again for certain: it was stale, or the store was set back. */
async function readKey(
  client: EtcdClient,
  { key, createRevision }: CreatedKey,
  signal: AbortSignal,
): Promise<Pick<RangeResponse, 'kvs' | 'header'>> {
  const read = await client.call(RANGE, { key }, { kind: 'read', signal });
  if (read.header.revision >= createRevision) return read;
  return await readForCertain(client, { start: key, end: keyAfter(key) }, signal);
}

/** Returns when the watch shows a deletion, or after `pollMs`. */
async function deletionSeen(
  client: EtcdClient,
  target: { readonly key: Buffer; readonly startRevision: number; readonly pollMs: number },
  signal: AbortSignal,
): Promise<void> {
  const { key, startRevision, pollMs } = target;
  const range = { start: key, end: keyAfter(key) };
  for await (const runs of runsFor(client, { range, startRevision, forMs: pollMs }, signal)) {
    if (runs.some(({ changes }) => changes.some(({ kind }) => kind === 'delete'))) return;
  }
}

/** Changes in a range, as they happen, for `forMs` milliseconds or until `signal` aborts. Throws the errors of `watch`. */
export async function* runsFor(
  client: EtcdClient,
  target: { readonly range: KeyRange; readonly startRevision: number; readonly forMs: number },
  signal: AbortSignal,
): AsyncGenerator<readonly RevisionRun[]> {
  const { range, startRevision, forMs } = target;
  const scope = Scope.within(forMs, signal);
  try {
    for await (const responses of watch(client, { range, startRevision }, scope.signal)) {
      const runs = responses.flatMap((response) => response.runs);
      if (runs.length > 0) yield runs;
    }
  } finally {
    scope.end();
  }
}
