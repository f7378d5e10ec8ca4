import {
  type Change,
  type ForeignWrite,
  type KeyRange,
  Scope,
  SourceCompactedError,
  UnavailableError,
} from '@tidemark/core';
import type { EtcdClient } from '../client/client.js';
import { RANGE } from '../client/methods.js';
import { watch } from '../watch/watch.js';
import type { RevisionRun } from '../wire/responses.js';
import { merged } from './merged.js';

export interface ForeignOptions {
  readonly ranges: readonly KeyRange[];
  /** Only our transactions put this key, and all of them do: a revision that changed it is ours. */
  readonly checkpointKey: Buffer;
  /** Whether a revision is known to be ours, once the transactions in flight are answered. Saves a read for each. */
  readonly isOurs: (revision: number) => Promise<boolean>;
}

/**
 * Changes in the ranges by revisions that did not move the checkpoint, as they happen, from now on. A late transaction of a
 * replaced worker never shows up here: the compare refuses it, and it changes nothing.
 *
 * @throws UnavailableError when the watch broke
 */
export async function* foreignChanges(
  client: EtcdClient,
  options: ForeignOptions,
  signal: AbortSignal,
): AsyncGenerator<readonly ForeignWrite[]> {
  const { ranges, checkpointKey } = options;
  const { header } = await client.call(RANGE, { key: checkpointKey }, { kind: 'read', signal });
  const scope = new Scope(signal);
  const watches = ranges.map((range) => runsOf(client, { range, startRevision: header.revision + 1 }, scope.signal));
  try {
    for await (const runs of merged(watches)) {
      const foreign: ForeignWrite[] = [];
      for (const run of runs) {
        if (await isForeign(client, run.revision, options, signal)) foreign.push(...run.changes.map(toWrite));
      }
      if (foreign.length > 0) yield foreign;
    }
  } catch (error) {
    if (signal.aborted) return;
    if (!(error instanceof SourceCompactedError)) throw error;
    const message = 'The destination compacted revisions that were to be watched next.';
    throw new UnavailableError({ message, remedy: 'Nothing to do: the watch begins again.', cause: error });
  } finally {
    scope.end();
  }
}

async function* runsOf(
  client: EtcdClient,
  options: { readonly range: KeyRange; readonly startRevision: number },
  signal: AbortSignal,
): AsyncGenerator<readonly RevisionRun[]> {
  for await (const responses of watch(client, { ...options, keysOnly: true }, signal)) {
    const runs = responses.flatMap((response) => response.runs);
    if (runs.length > 0) yield runs;
  }
}

/** Reads the checkpoint at that revision: its mod revision shows whether that revision put it. */
async function isForeign(
  client: EtcdClient,
  revision: number,
  { checkpointKey, isOurs }: ForeignOptions,
  signal: AbortSignal,
): Promise<boolean> {
  if (await isOurs(revision)) return false;
  try {
    const { kvs } = await client.call(RANGE, { key: checkpointKey, revision }, { kind: 'read', signal });
    return kvs[0]?.modRevision !== revision;
  } catch (error) {
    // Compacted: the origin of the change cannot be found out any more. A comparison finds the key if it differs.
    if (error instanceof SourceCompactedError) return false;
    throw error;
  }
}

function toWrite({ kind, key }: Change): ForeignWrite {
  return { kind, key };
}
