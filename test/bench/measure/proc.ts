import { readdirSync, readFileSync } from 'node:fs';

/** Linux reports times to user space in hundredths of a second, whatever the kernel's own tick is. */
const TICKS_PER_SECOND = 100;

/** Seconds of processor time, by who used it. `elsewhere` is what the machine spent on nothing of ours. */
export type CpuSeconds = Readonly<Record<string, number>>;

/** Process id of the child of this process whose command line contains `text`. */
export function childWith(text: string): number {
  const pids = readdirSync('/proc/self/task').flatMap((task) =>
    readFileSync(`/proc/self/task/${task}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
  );
  const found = pids.find((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(text));
  if (found === undefined) throw new Error(`no child process has ${text} on its command line`);
  return found;
}

/** Most resident memory a process ever had, in MiB: the kernel's own high-water mark. */
export function peakRssMiB(pid: number): number {
  const kib = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kib ?? Number.NaN) / 1024;
}

/** Processor time that each of some processes uses between two moments. */
export class CpuMeter {
  private readonly begun = new Map<string, { pid: number; seconds: number }>();
  private readonly machineBegun = machineCpuSeconds();

  constructor(pids: Readonly<Record<string, number>>) {
    this.add('bench', process.pid);
    for (const [name, pid] of Object.entries(pids)) this.add(name, pid);
  }

  add(name: string, pid: number): void {
    this.begun.set(name, { pid, seconds: processCpuSeconds(pid) });
  }

  read(): CpuSeconds {
    const used: Record<string, number> = {};
    for (const [name, { pid, seconds }] of this.begun) used[name] = processCpuSeconds(pid) - seconds;
    const ours = Object.values(used).reduce((sum, seconds) => sum + seconds, 0);
    used['elsewhere'] = Math.max(0, machineCpuSeconds() - this.machineBegun - ours);
    return used;
  }
}

function processCpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The second field is the program's name in parentheses, which may itself hold spaces.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** Everything but idle and waiting for disks, over all cores. */
function machineCpuSeconds(): number {
  const [, user, nice, system, , , irq, softirq] = (readFileSync('/proc/stat', 'utf8').split('\n')[0] ?? '')
    .split(/\s+/)
    .map(Number);
  return [user, nice, system, irq, softirq].reduce<number>((sum, ticks) => sum + (ticks ?? 0), 0) / TICKS_PER_SECOND;
}
