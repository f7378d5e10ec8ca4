import type { BaseSync } from './cases/base-sync.js';
import type { IdleLatency } from './cases/idle-latency.js';
import type { LiveBurst } from './cases/live-burst.js';
import type { RawLimit } from './cases/raw-limit.js';
import type { Machine } from './measure/machine.js';
import type { Sizes } from './options.js';

export interface BothPeers<T> {
  readonly tidemark: T;
  readonly makeMirror: T;
}

/** What one run found. A case that did not run is null. */
export interface Figures {
  readonly baseSync: BothPeers<BaseSync> | null;
  readonly liveBurst: BothPeers<LiveBurst> | null;
  readonly idleLatency: IdleLatency | null;
  readonly rawLimit: RawLimit | null;
}

/** The content of results/latest.json. */
export interface Results extends Figures {
  readonly date: string;
  readonly commit: string;
  readonly machine: Machine;
  readonly sizes: Sizes;
  readonly targets: readonly Target[];
}

/** Share of the processor time used during the measurements that went to programs which have no part in them. */
export function disturbance({ baseSync, liveBurst, rawLimit }: Figures): number {
  const runs = [baseSync?.tidemark, baseSync?.makeMirror, liveBurst?.tidemark, liveBurst?.makeMirror, rawLimit];
  let [all, elsewhere] = [0, 0];
  for (const run of runs) {
    for (const [user, seconds] of Object.entries(run?.cpuSeconds ?? {})) {
      all += seconds;
      if (user === 'elsewhere') elsewhere += seconds;
    }
  }
  return all === 0 ? 0 : elsewhere / all;
}

/** What Tidemark promises of its speed. Missing one is reported and fails nothing: machines differ. */
export interface Target {
  readonly target: string;
  readonly found: string;
  readonly met: boolean;
}

const BASE_SYNC_RATIO = 10;
const BURST_BEHIND_SECONDS = 1;
const NODE_MEMORY_MIB = 300;

export function checkTargets({ baseSync, liveBurst }: Figures): Target[] {
  const targets: Target[] = [];
  if (baseSync !== null) {
    const ratio = baseSync.tidemark.keysPerSecond / baseSync.makeMirror.keysPerSecond;
    targets.push({
      target: `base sync at least ${BASE_SYNC_RATIO} times as fast as make-mirror`,
      found: `${ratio.toFixed(1)} times`,
      met: ratio >= BASE_SYNC_RATIO,
    });
  }
  if (liveBurst !== null) {
    const behind = liveBurst.tidemark.lastPutToEqualSeconds;
    targets.push({
      target: `equal within ${BURST_BEHIND_SECONDS} s of the last put of a burst`,
      found: `${behind.toFixed(2)} s`,
      met: behind <= BURST_BEHIND_SECONDS,
    });
  }
  const peaks = [baseSync, liveBurst].flatMap((found) => (found === null ? [] : [found.tidemark.peakRssMiB]));
  if (peaks.length > 0) {
    const peak = Math.max(...peaks);
    targets.push({
      target: `a node stays below ${NODE_MEMORY_MIB} MiB`,
      found: `${peak.toFixed(0)} MiB`,
      met: peak < NODE_MEMORY_MIB,
    });
  }
  return targets;
}
