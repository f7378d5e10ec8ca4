import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  ApiClient,
  type Output,
  type OutputName,
  type PipelineStatus,
  type PlacedDestination,
  parseOutput,
  type Readiness,
} from '@tidemark/api';
import { ServerProcess } from '../servers/local/server-process.js';
import { type Falsy, until } from '../waiting/until.js';
import { type CommandResult, TIDEMARK, tidemark } from './command.js';

const STATUS_TIMEOUT_MS = 2_000;

/** Where a destination has to stand: a revision of the present generation, or of this generation or a later one. */
export type Wanted = number | { readonly generation: number; readonly revision: number };

/** What a node is started with. */
export interface NodeFiles {
  readonly directory: string;
  readonly config: object;
  /** Variables for its process, e.g. a fault switch. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** One Tidemark node as a process of its own: the built bundle, with a configuration file. */
export class TidemarkNode {
  readonly configFile: string;
  private readonly process: ServerProcess;
  private readonly client: ApiClient;
  private peakRss = 0;
  private seen: PipelineStatus | null = null;

  constructor(
    readonly id: string,
    readonly listen: string,
    { directory, config, environment = {} }: NodeFiles,
  ) {
    this.configFile = join(directory, `${id}.yaml`);
    this.configure(config);
    this.client = new ApiClient({ listen, timeoutMs: STATUS_TIMEOUT_MS });
    this.process = new ServerProcess({
      name: `tidemark ${id}`,
      command: process.execPath,
      args: () => [TIDEMARK, 'run', '-c', this.configFile],
      ready: async () => (await this.fetch('/healthz').catch(() => null))?.ok ?? false,
      environment,
    });
  }

  /** Writes the configuration that the next start reads. JSON is YAML. */
  configure(config: object): void {
    writeFileSync(this.configFile, JSON.stringify(config, null, 2));
  }

  async start(): Promise<void> {
    await this.process.start();
  }

  /** kill -9. */
  async kill(): Promise<void> {
    this.samplePeakRss();
    await this.process.kill();
  }

  /** SIGTERM, and waits for the end. */
  async stop(): Promise<void> {
    this.samplePeakRss();
    await this.process.stop();
  }

  /** SIGHUP: it re-reads its destinations, some time after this has returned. */
  reload(): void {
    const { pid } = this.process;
    if (pid !== undefined) process.kill(pid, 'SIGHUP');
  }

  async pause(): Promise<void> {
    await this.process.pause();
  }

  async resume(): Promise<void> {
    await this.process.resume();
  }

  get running(): boolean {
    return this.process.pid !== undefined;
  }

  /** Its newest log lines. */
  log(): string {
    return this.process.log();
  }

  fetch(path: string, method: 'GET' | 'POST' = 'GET'): Promise<Response> {
    return fetch(`http://${this.listen}${path}`, { method, signal: AbortSignal.timeout(STATUS_TIMEOUT_MS) });
  }

  async status(): Promise<PipelineStatus> {
    this.seen = await this.client.call('status');
    return this.seen;
  }

  /** A destination as its status shows it; the first one unless a name is given. */
  async destination(name?: string): Promise<PlacedDestination> {
    const { destinations } = await this.status();
    const found = name === undefined ? destinations[0] : destinations.find((each) => each.name === name);
    if (found === undefined) throw new Error(`status shows no destination ${name ?? ''}`);
    return found;
  }

  /** What it answered last when it was asked for the status; null when it never was. */
  get seenStatus(): PipelineStatus | null {
    return this.seen;
  }

  async readiness(): Promise<Readiness> {
    return await this.client.call('readyz');
  }

  /** The term under which this node believes to lead, by its own word; null when it does not. */
  async leadingTerm(): Promise<number | null> {
    return (await this.client.call('nodeStatus')).leader?.term ?? null;
  }

  /** Sum of the samples of a metric whose labels include the given one, e.g. `role="leader"`; 0 when there are none. */
  async metric(name: string, label = ''): Promise<number> {
    const lines = (await this.client.text('metrics')).split('\n');
    const samples = lines.filter((line) => /^\w+/.exec(line)?.[0] === name && line.includes(label));
    return samples.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
  }

  /** Waits for a status of which `condition` makes something, and returns that. */
  async shows<T>(what: string, condition: (status: PipelineStatus) => T | Falsy, timeoutMs = 60_000): Promise<T> {
    return await until(async () => condition(await this.status()), { timeoutMs, describe: what });
  }

  /** Waits until `name` is in `state`. */
  async showsState(name: string, state: string, timeoutMs?: number): Promise<PlacedDestination> {
    const isSo = (each: PlacedDestination) => each.name === name && each.state === state;
    return await this.shows(`${name} to be ${state}`, ({ destinations }) => destinations.find(isSo), timeoutMs);
  }

  /**
   * Waits until `name` is streaming, in the journal's present generation, and has reached a revision of the source. After
   * a rewind, a number may still be one of the generation before: then wait for a position.
   */
  async reached(name: string, wanted: Wanted, timeoutMs?: number): Promise<PlacedDestination> {
    const { generation, revision } = typeof wanted === 'number' ? { generation: 0, revision: wanted } : wanted;
    return await this.shows(
      `${name} at revision ${revision}, of generation ${generation} or later`,
      ({ destinations, journal }) => {
        const seen = destinations.find((destination) => destination.name === name);
        const isPresent =
          seen !== undefined && seen.generation >= generation && seen.generation === journal?.generation;
        return isPresent && seen.state === 'streaming' && seen.revision >= revision && seen;
      },
      timeoutMs,
    );
  }

  /** Approves the hold that status shows now, by its id. */
  async approve(name: string): Promise<CommandResult> {
    const { destinations } = await this.status();
    const hold = destinations.find((each) => each.name === name)?.hold;
    return await this.command('approve', name, ...(hold ? ['--hold', hold.id] : []));
  }

  /** Runs a command with this node's configuration. */
  command(...args: readonly string[]): Promise<CommandResult> {
    return tidemark(['-c', this.configFile, ...args]);
  }

  /** What a command prints with `-o json`, with this node's configuration; `args` follow its words. */
  async output<C extends OutputName>(command: C, ...args: readonly string[]): Promise<Output<C>> {
    return parseOutput(command, (await this.command('-o', 'json', ...command.split(' '), ...args)).stdout);
  }

  /** Most resident memory it ever had, over all its lives, in MiB: the kernel's own high-water mark. */
  get peakRssMiB(): number {
    this.samplePeakRss();
    return this.peakRss;
  }

  private samplePeakRss(): void {
    const { pid } = this.process;
    if (pid === undefined) return;
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    this.peakRss = Math.max(this.peakRss, Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? 0) / 1024);
  }
}
