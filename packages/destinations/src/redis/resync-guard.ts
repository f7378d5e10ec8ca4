import { isDeepStrictEqual } from 'node:util';
import { type ApplyRequest, UnavailableError } from '@tidemark/core';

/**
 * Redis may lose the last seconds of what it acknowledged, at a restart or a failover. While the journal is followed, the
 * checkpoint goes back together with the data, and the compare shows the loss. During a resync the checkpoint does not
 * move: it holds the guard of that attempt, and after a loss it would still be there although writes are missing. So a
 * guard counts only for the run of the server in which it was set. A guard that follows upon another counts only for the
 * run in which the destination was looked at. Otherwise the resync begins again.
 */
export class ResyncGuard {
  private viewedRun: string | null = null;
  private guardedRun: string | null = null;

  viewed(runId: string): void {
    this.viewedRun = runId;
  }

  /** The destination's checkpoint is now `next`. */
  reached(request: ApplyRequest, runId: string): void {
    if (setsGuard(request)) this.guardedRun = runId;
  }

  /** False when what was written under the expected guard may be lost. */
  allows(request: ApplyRequest, runId: string): boolean {
    if (request.expected === null || request.expected.resync === null) return true;
    // Only the fence is another one: nothing is written under the guard, and what expects the old one is fenced off.
    if (request.writes.length === 0 && isDeepStrictEqual(request.expected.resync, request.next.resync)) return true;
    return runId === (setsGuard(request) ? this.viewedRun : this.guardedRun);
  }
}

/** Each attempt has a guard of its own. */
function setsGuard({ expected, next }: Pick<ApplyRequest, 'expected' | 'next'>): boolean {
  if (next.resync === null) return false;
  return expected?.resync?.attempt !== next.resync.attempt || expected.resync.snapshot !== next.resync.snapshot;
}

export function runEnded(address: string): UnavailableError {
  return new UnavailableError({
    message: `Redis at ${address}: the server was restarted, or failed over, since this work began.`,
    remedy: 'None needed: the resync begins again, because the last writes may be lost.',
  });
}
