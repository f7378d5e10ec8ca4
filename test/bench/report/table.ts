import type { BaseSync } from '../cases/base-sync.js';
import type { CpuSeconds } from '../measure/proc.js';
import { disturbance, type Results } from '../results.js';

/** The results as a person reads them in a terminal. */
export function formatResults(results: Results): string {
  const { machine } = results;
  const sections = [
    [
      `Tidemark ${results.commit}, ${results.date}`,
      `${machine.cores} cores of ${machine.cpu}, ${machine.memoryGiB} GiB, Linux ${machine.kernel}, fsync ${machine.fsyncMs.toFixed(2)} ms, load before ${machine.loadBefore.toFixed(1)}`,
      `node ${machine.node}, etcd ${machine.etcd}, nats-server ${machine.nats}; all of it on this one machine, default settings`,
      `${percent(disturbance(results))} of the processor time went to programs that have no part in this`,
    ],
    formatBaseSync(results),
    formatLiveBurst(results),
    formatIdleLatency(results),
    formatBacklog(results),
    formatApplyBacklog(results),
    formatHandOver(results),
    formatSnapshot(results),
    formatCpu(results),
    formatMilestones(results.baseSync?.tidemark),
    results.targets.map(({ target, found, met }) => `${met ? 'met    ' : 'NOT MET'}  ${target}: ${found}`),
  ];
  return sections
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n');
}

function formatBaseSync({ baseSync, rawLimit, sizes }: Results): string[] {
  if (baseSync === null && rawLimit === null) return [];
  const slowest = baseSync?.makeMirror.keysPerSecond ?? Number.NaN;
  const row = (name: string, run: { seconds: number; keysPerSecond: number }, memory?: number) => [
    name,
    `${run.seconds.toFixed(2)} s`,
    run.keysPerSecond.toFixed(0),
    times(run.keysPerSecond / slowest),
    rawLimit === null ? '' : percent(run.keysPerSecond / rawLimit.keysPerSecond),
    memory === undefined ? '' : `${memory.toFixed(0)} MiB`,
  ];
  return [
    `Base sync of ${sizes.baseKeys} keys, from the start of the peer's process`,
    ...columns([
      ['', 'time', 'keys/s', 'ratio', 'of limit', 'memory'],
      ...(baseSync === null
        ? []
        : [
            row('make-mirror', baseSync.makeMirror, baseSync.makeMirror.peakRssMiB),
            row('Tidemark', baseSync.tidemark, baseSync.tidemark.peakRssMiB),
          ]),
      ...(rawLimit === null ? [] : [row('destination alone', rawLimit)]),
    ]),
  ];
}

function formatLiveBurst({ liveBurst }: Results): string[] {
  if (liveBurst === null) return [];
  const { makeMirror, tidemark } = liveBurst;
  const row = (name: string, run: typeof tidemark) => [
    name,
    (run.puts / run.writeSeconds).toFixed(0),
    `${run.firstPutToEqualSeconds.toFixed(2)} s`,
    `${run.lastPutToEqualSeconds.toFixed(2)} s`,
    (run.puts / run.firstPutToEqualSeconds).toFixed(0),
    times(makeMirror.firstPutToEqualSeconds / run.firstPutToEqualSeconds),
    run.journalMessages?.toFixed(0) ?? '-',
    run.destinationRevisions.toFixed(0),
    `${run.peakRssMiB.toFixed(0)} MiB`,
  ];
  return [
    `Live burst of ${tidemark.puts} puts by 64 writers at once`,
    ...columns([
      [
        '',
        'puts/s',
        'first put to equal',
        'last put to equal',
        'replicated/s',
        'ratio',
        'messages',
        'revisions',
        'memory',
      ],
      row('make-mirror', makeMirror),
      row('Tidemark', tidemark),
    ]),
  ];
}

function formatIdleLatency({ idleLatency }: Results): string[] {
  if (idleLatency === null) return [];
  const { etcdAlone, makeMirror, tidemark } = idleLatency;
  const row = (name: string, run: typeof tidemark) => [
    name,
    `${run.p50Ms.toFixed(2)} ms`,
    `${run.p99Ms.toFixed(2)} ms`,
    times(run.p50Ms / makeMirror.p50Ms),
  ];
  return [
    `Latency of ${tidemark.puts} single puts into an idle system, from sending the put to its arrival in a watch`,
    ...columns([
      ['', 'p50', 'p99', 'ratio of p50'],
      row('make-mirror', makeMirror),
      row('Tidemark', tidemark),
      row('one etcd, no peer', etcdAlone),
    ]),
  ];
}

function formatBacklog({ backlog }: Results): string[] {
  if (backlog === null) return [];
  const { revisions, journaledSeconds, oneWatchSeconds } = backlog;
  const row = (name: string, seconds: number) => [
    name,
    `${seconds.toFixed(2)} s`,
    `${(revisions / seconds).toFixed(0)} revisions/s`,
    `${(oneWatchSeconds / seconds).toFixed(1)}x`,
  ];
  return [
    `Backlog of ${revisions} revisions, one key each, from the leader's return until all are in the journal`,
    ...columns([
      ['', 'time', 'rate', 'ratio'],
      row('one watch, read and dropped', oneWatchSeconds),
      row('Tidemark, in the journal', journaledSeconds),
    ]),
  ];
}

function formatApplyBacklog({ applyBacklog }: Results): string[] {
  if (applyBacklog === null) return [];
  const { revisions, seconds, transactions, directSeconds, directTransactions, peakRssMiB } = applyBacklog;
  const row = (name: string, took: number, made: number, memory: string) => [
    name,
    `${took.toFixed(2)} s`,
    `${(revisions / took).toFixed(0)} revisions/s`,
    percent(directSeconds / took),
    `${made}`,
    memory,
  ];
  return [
    `Backlog of ${revisions} revisions, one key each, in the journal, from the start of the worker's process until the destination has them`,
    ...columns([
      ['', 'time', 'rate', 'of direct', 'transactions', 'memory'],
      row('sent directly', directSeconds, directTransactions, ''),
      row('Tidemark', seconds, transactions, `${peakRssMiB.toFixed(0)} MiB`),
    ]),
  ];
}

function formatHandOver({ handOver }: Results): string[] {
  if (handOver === null) return [];
  const { leaseTtlMs, terminated, killed } = handOver;
  const row = (name: string, { p50Ms, maxMs }: typeof killed) => [
    name,
    `${p50Ms.toFixed(0)} ms`,
    `${maxMs.toFixed(0)} ms`,
  ];
  return [
    `Change of the leader, ${killed.rounds} times each, from the signal until the next one has journaled what was written after it`,
    ...columns([
      ['', 'p50', 'max'],
      row('SIGTERM', terminated),
      row(`kill -9, lease of ${leaseTtlMs / 1_000} s`, killed),
    ]),
  ];
}

function formatSnapshot({ snapshot1Gib }: Results): string[] {
  if (snapshot1Gib === null) return [];
  const { keys, mib, seconds, peakRssMiB } = snapshot1Gib;
  return [
    `First snapshot of a source of ${keys} keys, ${mib.toFixed(0)} MiB`,
    `  ${seconds.toFixed(1)} s, the node's memory at most ${peakRssMiB.toFixed(0)} MiB`,
  ];
}

const CPU_USERS = ['peer', 'nats', 'source', 'destination', 'bench', 'elsewhere'] as const;

function formatCpu({ baseSync, liveBurst, rawLimit, snapshot1Gib }: Results): string[] {
  const runs: [string, CpuSeconds | undefined][] = [
    ['base sync, make-mirror', baseSync?.makeMirror.cpuSeconds],
    ['base sync, Tidemark', baseSync?.tidemark.cpuSeconds],
    ['destination alone', rawLimit?.cpuSeconds],
    ['live burst, make-mirror', liveBurst?.makeMirror.cpuSeconds],
    ['live burst, Tidemark', liveBurst?.tidemark.cpuSeconds],
    ['snapshot of 1 GiB', snapshot1Gib?.cpuSeconds],
  ];
  const rows = runs.flatMap(([name, used]) =>
    used === undefined ? [] : [[name, ...CPU_USERS.map((user) => used[user]?.toFixed(2) ?? '-')]],
  );
  return rows.length === 0 ? [] : ['Processor seconds', ...columns([['', ...CPU_USERS], ...rows])];
}

function formatMilestones(run: BaseSync | undefined): string[] {
  if (run === undefined || run.milestones.length === 0) return [];
  const rows = run.milestones.map(({ seconds, message }) => `  ${seconds.toFixed(2).padStart(6)} s  ${message}`);
  return [
    'The base sync in the log of the Tidemark node',
    ...rows,
    `  ${run.seconds.toFixed(2).padStart(6)} s  all keys there`,
  ];
}

/** The first column to the left, the others to the right. */
function columns(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) => {
    const cells = row.map((cell, column) =>
      column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
    );
    return `  ${cells.join('   ')}`.trimEnd();
  });
}

function times(ratio: number): string {
  return Number.isFinite(ratio) ? `${ratio.toFixed(ratio < 10 ? 2 : 1)}x` : '';
}

function percent(share: number): string {
  return `${(100 * share).toFixed(0)}%`;
}
