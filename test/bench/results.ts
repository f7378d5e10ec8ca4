import type { ApplyBacklog } from './cases/apply-backlog.js';
import type { Backlog } from './cases/backlog.js';
import type { BaseSync } from './cases/base-sync.js';
import type { HandOver } from './cases/handover.js';
import type { IdleLatency } from './cases/idle-latency.js';
import type { LiveBurst } from './cases/live-burst.js';
import type { RawLimit } from './cases/raw-limit.js';
import type { Snapshot1Gib } from './cases/snapshot-1gib.js';
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
  readonly backlog: Backlog | null;
  readonly applyBacklog: ApplyBacklog | null;
  readonly handOver: HandOver | null;
  readonly snapshot1Gib: Snapshot1Gib | null;
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

const BASE_SYNC_RATIO = 30;
const IDLE_LATENCY_RATIO = 1.5;
const BURST_BEHIND_SECONDS = 1;
const NODE_MEMORY_MIB = 300;
const BACKLOG_PER_SECOND = 40_000;
const BACKLOG_RATIO = 5;
const APPLIED_PER_SECOND = 25_000;
const APPLIED_SHARE = 0.5;
const HAND_OVER_MS = 300;
/** Beyond the lease: etcd looks for expired leases twice a second, then somebody is elected. */
const AFTER_LEASE_MS = 1_000;

export function checkTargets(figures: Figures): Target[] {
  const { baseSync, liveBurst, idleLatency, backlog, applyBacklog, handOver } = figures;
  return [
    ...(handOver === null ? [] : handOverTargets(handOver)),
    ...(backlog === null ? [] : backlogTargets(backlog)),
    ...(applyBacklog === null ? [] : applyBacklogTargets(applyBacklog)),
    ...(baseSync === null ? [] : [baseSyncTarget(baseSync)]),
    ...(idleLatency === null ? [] : [idleLatencyTarget(idleLatency)]),
    ...(liveBurst === null ? [] : [liveBurstTarget(liveBurst)]),
    ...memoryTargets(figures),
  ];
}

function baseSyncTarget({ tidemark, makeMirror }: BothPeers<BaseSync>): Target {
  const ratio = tidemark.keysPerSecond / makeMirror.keysPerSecond;
  return {
    target: `base sync at least ${BASE_SYNC_RATIO} times as fast as make-mirror`,
    found: `${ratio.toFixed(1)} times`,
    met: ratio >= BASE_SYNC_RATIO,
  };
}

function idleLatencyTarget({ tidemark, makeMirror }: IdleLatency): Target {
  const ratio = tidemark.p50Ms / makeMirror.p50Ms;
  return {
    target: `a single put into an idle system takes at most ${IDLE_LATENCY_RATIO} times as long as with make-mirror`,
    found: `${ratio.toFixed(2)} times`,
    met: ratio <= IDLE_LATENCY_RATIO,
  };
}

function liveBurstTarget({ tidemark }: BothPeers<LiveBurst>): Target {
  const behind = tidemark.lastPutToEqualSeconds;
  return {
    target: `equal within ${BURST_BEHIND_SECONDS} s of the last put of a burst`,
    found: `${behind.toFixed(2)} s`,
    met: behind <= BURST_BEHIND_SECONDS,
  };
}

function memoryTargets({ baseSync, liveBurst, backlog, applyBacklog, snapshot1Gib }: Figures): Target[] {
  const runs = [baseSync?.tidemark, liveBurst?.tidemark, backlog, applyBacklog, snapshot1Gib];
  const peaks = runs.flatMap((run) => run?.peakRssMiB ?? []);
  if (peaks.length === 0) return [];
  const peak = Math.max(...peaks);
  return [
    {
      target: `a node stays below ${NODE_MEMORY_MIB} MiB`,
      found: `${peak.toFixed(0)} MiB`,
      met: peak < NODE_MEMORY_MIB,
    },
  ];
}

function applyBacklogTargets({ revisions, seconds, directSeconds }: ApplyBacklog): Target[] {
  const [rate, share] = [revisions / seconds, directSeconds / seconds];
  return [
    {
      target: `a backlog is applied at ${APPLIED_PER_SECOND} revisions/s or more`,
      found: `${rate.toFixed(0)} revisions/s`,
      met: rate >= APPLIED_PER_SECOND,
    },
    {
      target: `at ${100 * APPLIED_SHARE}% or more of the rate of the same writes sent directly`,
      found: `${(100 * share).toFixed(0)}%`,
      met: share >= APPLIED_SHARE,
    },
  ];
}

function backlogTargets({ revisions, journaledSeconds, oneWatchSeconds }: Backlog): Target[] {
  const [rate, ratio] = [revisions / journaledSeconds, oneWatchSeconds / journaledSeconds];
  return [
    {
      target: `a backlog is journaled at ${BACKLOG_PER_SECOND} revisions/s or more`,
      found: `${rate.toFixed(0)} revisions/s`,
      met: rate >= BACKLOG_PER_SECOND,
    },
    {
      target: `at least ${BACKLOG_RATIO} times as fast as one watch`,
      found: `${ratio.toFixed(1)} times`,
      met: ratio >= BACKLOG_RATIO,
    },
  ];
}

function handOverTargets({ leaseTtlMs, terminated, killed }: HandOver): Target[] {
  const limit = leaseTtlMs + AFTER_LEASE_MS;
  return [
    {
      target: `the next leader journals within ${HAND_OVER_MS} ms of a SIGTERM, each of ${terminated.rounds} times`,
      found: `${terminated.maxMs.toFixed(0)} ms at most`,
      met: terminated.maxMs <= HAND_OVER_MS,
    },
    {
      target: `the next leader journals within ${limit / 1_000} s of a kill -9 (lease ${leaseTtlMs / 1_000} s), each of ${killed.rounds} times`,
      found: `${(killed.maxMs / 1_000).toFixed(2)} s at most`,
      met: killed.maxMs <= limit,
    },
  ];
}
