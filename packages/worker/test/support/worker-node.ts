import {
  type BrakesConfig,
  comparePositions,
  type Destination,
  type DestinationState,
  type ForeignWrite,
  type Hold,
  type Position,
  prefixRange,
  SharedBudget,
  type SharedFacts,
  silentLogger,
} from '@tidemark/core';
import { MemoryFacts, until } from '@tidemark/testing';
import {
  type Condition,
  ControlBoard,
  DestinationWorker,
  Filter,
  type RepairReport,
  TrackedWriter,
  type WorkerObserver,
  type WorkerOptions,
} from '../../src/index.js';
import type { Chronicle } from './chronicle.js';

const RESERVED = [prefixRange(Buffer.from('/__tidemark/'))];

/** Keys below `/a/` become keys below `/b/`; all others belong to somebody else. */
export const filter = new Filter([{ prefix: '/a/', rewrite: '/b/', exclude: [], leased: 'keep' }], RESERVED);

/** No brake at all. */
export const unbraked: BrakesConfig = {
  maxDeletes: null,
  maxDeletePercent: null,
  maxBacklogAge: null,
  maxBacklogChanges: null,
  window: 60_000,
};

/** What `filter` makes of the source's content, said a second time and independently. */
export function replica(source: ReadonlyMap<string, string>): Map<string, string> {
  const routed = [...source].filter(([key]) => key.startsWith('/a/'));
  return new Map(routed.map(([key, value]) => [key.replace('/a/', '/b/'), value]));
}

/** The part of a destination's content that belongs to `filter`. */
export function owned(content: ReadonlyMap<string, string>): Map<string, string> {
  return new Map([...content].filter(([key]) => key.startsWith('/b/')));
}

/** A worker of a destination, until it is stopped. */
export class WorkerNode implements WorkerObserver {
  readonly states: DestinationState[] = [];
  fencings = 0;
  position: Position = { generation: 0, revision: 0 };
  private readonly stopping = new AbortController();
  private readonly running: Promise<unknown>;
  private readonly worker: DestinationWorker;
  hold: Hold | null = null;
  /** Of the newest state. */
  reason: string | null = null;
  readonly foreignKeys: string[] = [];
  /** When the oldest change that was seen waiting was journaled. */
  waitingSince: number | null = null;
  private looked = 0;

  constructor(
    { journal, source }: Pick<Chronicle, 'journal' | 'source'>,
    private readonly destination: Destination,
    options: Partial<
      Pick<WorkerOptions, 'facts' | 'filter' | 'brakes' | 'delayMs' | 'repairAutomatically' | 'logger' | 'journal'>
    > = {},
  ) {
    const { facts = new MemoryFacts() } = options;
    const counted: SharedFacts = {
      read: (name, signal) => facts.read(name, signal),
      write: (name, fact, signal) => facts.write(name, fact, signal),
      remove: (name, signal) => facts.remove(name, signal),
      removeExactly: (name, fact, signal) => facts.removeExactly(name, fact, signal),
      list: async (prefix, signal) => {
        this.looked++;
        return await facts.list(prefix, signal);
      },
    };
    const board = new ControlBoard(counted, silentLogger, 2);
    const { signal } = this.stopping;
    this.worker = new DestinationWorker({
      ...{
        name: 'codfw',
        journal,
        destination,
        filter,
        source,
        sourceIdentity: source,
        facts,
        logger: silentLogger,
        observer: this,
      },
      writer: new TrackedWriter(destination, options.logger ?? silentLogger),
      ...{
        brakes: unbraked,
        delayMs: 0,
        budget: new SharedBudget(1024 * 1024),
        verifyEveryMs: null,
        repairAutomatically: false,
        loopGuard: null,
      },
      controls: board.of('codfw'),
      ...options,
    });
    this.running = Promise.all([board.run(signal), this.worker.run(signal)]);
  }

  get lastState(): DestinationState | null {
    return this.states.at(-1) ?? null;
  }

  /** Whether the orders have been looked at so many times since this was first asked. */
  readonly looks = (() => {
    let since: number | null = null;
    return (times: number) => {
      since ??= this.looked;
      return this.looked > since + times;
    };
  })();

  /** Resolves when it is in a state, with the reason for it. */
  async becomes(state: DestinationState, timeoutMs = 10_000): Promise<string> {
    const describe = () => `${state}, is ${this.lastState}: ${this.reason}`;
    await until(async () => this.lastState === state, { everyMs: 1, timeoutMs, describe });
    return this.reason ?? '';
  }

  repair(keys: readonly string[]): Promise<RepairReport> {
    return this.worker.repair(keys.map((key) => Buffer.from(key)));
  }

  /** Resolves when the destination has everything up to a revision. */
  async reaches(revision: number, generation = 1, timeoutMs = 10_000): Promise<void> {
    const arrived = async () => {
      const stored = await this.destination.checkpoint(this.stopping.signal);
      const whole = stored !== null && stored.resync === null && stored.partial === null;
      const position = whole ? stored.position : this.position;
      return comparePositions(position, { generation, revision }) >= 0;
    };
    const describe = () =>
      `${generation}/${revision}, at ${JSON.stringify(this.position)}, ${this.states.slice(-3).join()}`;
    await until(arrived, { everyMs: 1, timeoutMs, describe });
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.running;
  }

  condition({ state, reason, hold }: Condition): void {
    if (state !== 'held' || this.lastState !== 'held') this.states.push(state);
    if (hold !== null) this.hold = hold;
    this.reason = reason;
  }

  reached(position: Position): void {
    this.position = position;
  }

  fenced(): void {
    this.fencings++;
  }

  foreign(writes: readonly ForeignWrite[]): void {
    this.foreignKeys.push(...writes.map(({ key }) => key.toString()));
  }

  verified(): void {
    // No test compares regularly.
  }

  applied(): void {
    // The destination's own log shows it.
  }

  checkpointRead(): void {
    // Nothing to record.
  }

  waiting(time: number): void {
    this.waitingSince ??= time;
  }
}
