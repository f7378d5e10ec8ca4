import { isDeepStrictEqual } from 'node:util';
import { type ApplyRequest, UnavailableError } from '@tidemark/core';

/**
 * Redis may lose the last seconds of what it acknowledged, at a restart or a failover. While the journal is followed, the
 * checkpoint goes back together with the data, and the loss is seen. While a difference against a snapshot is written,
 * the checkpoint stands still at its mark: it would be there after the loss as before, and what was lost would stay
 * missing. So a mark counts only for the run of the server at which it was set, and a mark that follows upon another
 * only for the run at which the destination was looked at. The difference begins anew otherwise.
 */
export class ResyncGuard {
  private viewedRun: string | null = null;
  private markedRun: string | null = null;

  viewed(runId: string): void {
    this.viewedRun = runId;
  }

  /** The destination now stands at `next`. */
  reached(request: ApplyRequest, runId: string): void {
    if (setsMark(request)) this.markedRun = runId;
  }

  /** False when what was written under the expected mark may be lost. */
  allows(request: ApplyRequest, runId: string): boolean {
    if (request.expected === null || request.expected.resync === null) return true;
    // Only the fence is another one: nothing is written under the mark, and whoever expects the old one is shut out.
    if (request.writes.length === 0 && isDeepStrictEqual(request.expected.resync, request.next.resync)) return true;
    return runId === (setsMark(request) ? this.viewedRun : this.markedRun);
  }
}

/** Each attempt has a mark of its own. */
function setsMark({ expected, next }: Pick<ApplyRequest, 'expected' | 'next'>): boolean {
  if (next.resync === null) return false;
  return expected?.resync?.attempt !== next.resync.attempt || expected.resync.snapshot !== next.resync.snapshot;
}

export function runEnded(address: string): UnavailableError {
  return new UnavailableError({
    message: `Redis at ${address}: the server was restarted, or failed over, since this work began.`,
    remedy: 'Nothing to do: it begins anew, because the last writes may be lost.',
  });
}
