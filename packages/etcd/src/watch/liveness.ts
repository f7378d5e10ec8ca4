import { UnavailableError } from '@tidemark/core';
import type { ResponseQueue } from './queue.js';

const TICK_MS = 500;

export interface LivenessOptions {
  /** After so long a silence the member is probed, milliseconds. */
  readonly probeAfterMs: number;
  /** The member has so long to answer, milliseconds. */
  readonly answerWithinMs: number;
  /** A reader that has stopped the stream for so long loses it, milliseconds. */
  readonly maxPauseMs: number;
}

export const DEFAULT_LIVENESS: LivenessOptions = {
  probeAfterMs: 3_000,
  // Generous, for a member that collects a large catch-up. gRPC's keepalive finds one that is frozen or cut off.
  answerWithinMs: 10_000,
  // etcd before 3.4.31 and 3.5.13 can silently skip events of a watcher that is not read while history is compacted
  // (etcd #17529). A new watcher gets an error about the compaction instead.
  maxPauseMs: 5_000,
};

/**
 * Ends a queue that has gone silent: no other layer reports a member that is alive but no longer serves a watch. Time is
 * counted in ticks of this process, so that its own suspension does not count as silence.
 */
export class LivenessProbe {
  private silentMs = 0;
  private pausedMs = 0;
  private asked = false;
  private readonly timer: NodeJS.Timeout;

  constructor(
    private readonly queue: ResponseQueue,
    private readonly options: LivenessOptions,
    private readonly ask: () => void,
  ) {
    this.timer = setInterval(() => this.tick(), TICK_MS);
  }

  stop(): void {
    clearInterval(this.timer);
  }

  private tick(): void {
    const { queue, options } = this;
    this.pausedMs = queue.paused ? this.pausedMs + TICK_MS : 0;
    if (this.pausedMs >= options.maxPauseMs) queue.end(lost('was not read for too long'));
    if (queue.heard || queue.paused) {
      queue.heard = false;
      this.silentMs = 0;
      this.asked = false;
      return;
    }
    this.silentMs += TICK_MS;
    if (this.silentMs >= options.probeAfterMs && !this.asked) {
      this.asked = true;
      this.ask();
    }
    if (this.silentMs >= options.probeAfterMs + options.answerWithinMs) queue.end(silent());
  }
}

/** A watch got no answer within its time, on a connection that is alive. */
export class WatchSilentError extends UnavailableError {}

function silent(): WatchSilentError {
  return new WatchSilentError({ message: 'a watch fell silent', remedy: 'Nothing to do: Tidemark opens it again.' });
}

function lost(what: string): UnavailableError {
  return new UnavailableError({ message: `a watch ${what}`, remedy: 'Nothing to do: Tidemark opens it again.' });
}
