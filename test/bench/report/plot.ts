import type { CpuSeconds } from '../measure/proc.js';
import { disturbance, type Results } from '../results.js';
import { barPanel, stackPanel } from './panels.js';
import { element, text } from './svg.js';

const WIDTH = 960;
const MARGIN = 32;
const HEAD = 92;
const GAP = 24;
const PANEL = { width: (WIDTH - 2 * MARGIN - GAP) / 2, height: 222 };

/** The destination is asked every 10 ms: below this a ratio says little. */
const MEASURABLE_SECONDS = 0.1;

const COLOUR = { tidemark: '#0f766e', makeMirror: '#94a3b8', limit: '#cbd5e1' } as const;
const CPU_COLOURS = {
  peer: '#0f766e',
  nats: '#5eead4',
  source: '#fbbf24',
  destination: '#f97316',
  bench: '#cbd5e1',
} as const;

/** The results as an SVG picture: four panels, no script, no font of its own, readable on a light and on a dark page. */
export function plot(results: Results): string {
  const panels = [baseSync(results), liveBurst(results), idleLatency(results), processorTime(results)];
  const placed = panels.map((panel, index) => {
    const x = MARGIN + (index % 2) * (PANEL.width + GAP);
    const y = HEAD + Math.floor(index / 2) * (PANEL.height + GAP);
    return element('g', { transform: `translate(${x} ${y})` }, [panel]);
  });
  const height = HEAD + 2 * PANEL.height + GAP + MARGIN;
  const frame = element('rect', { width: WIDTH, height, rx: 12, fill: '#f8fafc' });
  return `${element(
    'svg',
    {
      xmlns: 'http://www.w3.org/2000/svg',
      viewBox: `0 0 ${WIDTH} ${height}`,
      width: WIDTH,
      height,
      'font-family': 'system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif',
      role: 'img',
      'aria-label': 'Tidemark and etcdctl make-mirror compared',
    },
    [frame, ...heading(results), ...placed],
  )}\n`;
}

function heading(results: Results): string[] {
  const { machine, commit, date } = results;
  const disturbed = `${(100 * disturbance(results)).toFixed(0)}% of the processor time went to other programs`;
  const where = `${machine.cores} cores of ${machine.cpu} for everything · Linux ${machine.kernel.replace(/-.*/, '')} · fsync ${machine.fsyncMs.toFixed(2)} ms · ${disturbed}`;
  const what = `etcd ${machine.etcd} · nats-server ${machine.nats} · Node ${machine.node} · default settings · ${commit} of ${date.slice(0, 10)}`;
  return [
    text('Tidemark and etcdctl make-mirror', { x: MARGIN, y: 40, size: 20, weight: 600 }),
    text(where, { x: MARGIN, y: 60, size: 12, fill: '#475569' }),
    text(what, { x: MARGIN, y: 76, size: 12, fill: '#475569' }),
  ];
}

function baseSync({ baseSync: found, rawLimit, sizes }: Results): string {
  if (found === null || rawLimit === null) return '';
  const ratio = found.tidemark.keysPerSecond / found.makeMirror.keysPerSecond;
  const share = found.tidemark.keysPerSecond / rawLimit.keysPerSecond;
  return barPanel({
    ...PANEL,
    title: 'Base sync',
    subtitle: `keys/s for ${thousands(sizes.baseKeys)} keys, from process start · longer is better`,
    bars: [
      bar('make-mirror', found.makeMirror.keysPerSecond, COLOUR.makeMirror),
      { ...bar('Tidemark', found.tidemark.keysPerSecond, COLOUR.tidemark), note: `${ratio.toFixed(1)}×` },
      bar('destination alone', rawLimit.keysPerSecond, COLOUR.limit),
    ],
    footnote: `${(100 * share).toFixed(0)}% of what the destination takes of the same transactions, fed directly`,
  });
}

function bar(label: string, value: number, colour: string) {
  return { label, value, colour, shown: thousands(value) };
}

function liveBurst({ liveBurst: found }: Results): string {
  if (found === null) return '';
  const { tidemark, makeMirror } = found;
  const row = (label: string, seconds: number, colour: string) => ({
    label,
    value: seconds,
    colour,
    shown: `${seconds.toFixed(seconds < 10 ? 2 : 1)} s`,
  });
  const behind = tidemark.lastPutToEqualSeconds;
  const ratio = makeMirror.lastPutToEqualSeconds / Math.max(behind, MEASURABLE_SECONDS);
  const sooner =
    behind < MEASURABLE_SECONDS ? `over ${10 * Math.floor(ratio / 10)}× sooner` : `${ratio.toFixed(0)}× sooner`;
  return barPanel({
    ...PANEL,
    title: 'Live burst',
    subtitle: `seconds behind after ${thousands(tidemark.puts)} puts by 64 writers · shorter is better`,
    bars: [
      row('make-mirror', makeMirror.lastPutToEqualSeconds, COLOUR.makeMirror),
      { ...row('Tidemark', tidemark.lastPutToEqualSeconds, COLOUR.tidemark), note: sooner },
    ],
    footnote: `the source took ${thousands(makeMirror.puts / makeMirror.writeSeconds)} puts/s beside make-mirror, ${thousands(tidemark.puts / tidemark.writeSeconds)} beside Tidemark`,
  });
}

function idleLatency({ idleLatency: found }: Results): string {
  if (found === null) return '';
  const row = (label: string, ms: number, colour: string) => ({
    label,
    value: ms,
    colour,
    shown: `${ms.toFixed(1)} ms`,
  });
  return barPanel({
    ...PANEL,
    title: 'Latency when idle',
    subtitle: 'put at the source until a watch at the destination has it · shorter is better',
    bars: [
      row('one etcd, p50', found.etcdAlone.p50Ms, COLOUR.limit),
      row('make-mirror, p50', found.makeMirror.p50Ms, COLOUR.makeMirror),
      row('Tidemark, p50', found.tidemark.p50Ms, COLOUR.tidemark),
      row('make-mirror, p99', found.makeMirror.p99Ms, COLOUR.makeMirror),
      row('Tidemark, p99', found.tidemark.p99Ms, COLOUR.tidemark),
    ],
    footnote: `${found.tidemark.puts} single puts each, in turn; Tidemark’s way leads through its journal`,
  });
}

function processorTime({ baseSync: base, liveBurst: burst }: Results): string {
  if (base === null || burst === null) return '';
  const row = (label: string, used: CpuSeconds) => ({
    label,
    parts: Object.entries(CPU_COLOURS).map(([name, colour]) => ({ colour, value: used[name] ?? 0 })),
  });
  return stackPanel({
    ...PANEL,
    title: 'Processor seconds',
    subtitle: '',
    legend: Object.entries(CPU_COLOURS).map(([label, colour]) => ({ label, colour })),
    rows: [
      row('base sync, make-mirror', base.makeMirror.cpuSeconds),
      row('base sync, Tidemark', base.tidemark.cpuSeconds),
      row('burst, make-mirror', burst.makeMirror.cpuSeconds),
      row('burst, Tidemark', burst.tidemark.cpuSeconds),
    ],
    footnote: `most memory of the Tidemark node: ${Math.max(base.tidemark.peakRssMiB, burst.tidemark.peakRssMiB).toFixed(0)} MiB`,
  });
}

/** `12 345`, with a thin space, which reads the same in every country. */
function thousands(value: number): string {
  return value.toFixed(0).replaceAll(/\B(?=(\d{3})+$)/g, '\u2009');
}
