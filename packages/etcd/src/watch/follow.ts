import { type Entry, UnavailableError } from '@tidemark/core';
import type { WatchResponse } from '../wire/responses.js';
import { CatchUp } from './catch-up.js';
import { RevisionAssembler } from './revisions.js';
import type { OpenWatch } from './segment.js';
import { DEFAULT_READ_AHEAD, type ReadAheadLimits } from './segments.js';

export interface FollowOptions {
  readonly open: OpenWatch;
  /** Inclusive. */
  readonly startRevision: number;
  /** Called when a member sent something that cannot be trusted: the next watcher should use another member. */
  readonly distrust: () => void;
  readonly limits?: ReadAheadLimits;
}

/**
 * Every revision from `startRevision` on, whole, in order, without a hole, from one watcher, or from several while that one
 * lags far behind. One assembler checks all of them, also across their borders. An error of a watcher is thrown after
 * everything before it was yielded. Ends quietly when `signal` aborts.
 */
export async function* follow(options: FollowOptions, signal: AbortSignal): AsyncGenerator<readonly Entry[]> {
  const { open, startRevision, distrust, limits = DEFAULT_READ_AHEAD } = options;
  const assembler = new RevisionAssembler(startRevision);
  const segments = new CatchUp(open, limits);
  const stop = () => segments.stop();
  signal.addEventListener('abort', stop, { once: true });
  try {
    while (!signal.aborted) {
      const segment = segments.next(assembler.last ?? startRevision);
      assembler.nextWatcher();
      for (let some = await segment.take(); some !== null && !signal.aborted; some = await segment.take()) {
        const { entries, fault } = assemble(assembler, some);
        if (fault instanceof UnavailableError) distrust();
        // What came before the fault is whole and in order.
        if (entries.length > 0) yield entries;
        if (fault !== null) throw fault;
      }
      if (segment.complete && !signal.aborted) assembler.assertReached(segment.until);
    }
  } finally {
    signal.removeEventListener('abort', stop);
    segments.stop();
    await segments.closed();
  }
}

function assemble(
  assembler: RevisionAssembler,
  responses: readonly WatchResponse[],
): { readonly entries: Entry[]; readonly fault: unknown } {
  const entries: Entry[] = [];
  try {
    for (const response of responses) assembler.accept(response, entries);
  } catch (fault) {
    return { entries, fault };
  }
  return { entries, fault: null };
}
