import { comparePositions, type DestinationState, type Position, prefixRange, silentLogger } from '@tidemark/core';
import { type MemoryDestination, MemoryFacts, until } from '@tidemark/testing';
import { Route, runWorker, type WorkerObserver } from '../../src/index.js';
import type { Chronicle } from './chronicle.js';

const RESERVED = [prefixRange(Buffer.from('/__tidemark/'))];

/** Keys below `/a/` become keys below `/b/`; all others belong to somebody else. */
export const routes = [new Route({ prefix: '/a/', rewrite: '/b/', exclude: [], leased: 'keep' }, RESERVED)];

/** What `routes` make of the source's content, said a second time and independently. */
export function replica(source: ReadonlyMap<string, string>): Map<string, string> {
  const routed = [...source].filter(([key]) => key.startsWith('/a/'));
  return new Map(routed.map(([key, value]) => [key.replace('/a/', '/b/'), value]));
}

/** The part of a destination's content that belongs to `routes`. */
export function owned(content: ReadonlyMap<string, string>): Map<string, string> {
  return new Map([...content].filter(([key]) => key.startsWith('/b/')));
}

/** A worker of a destination, until it is stopped. */
export class WorkerNode implements WorkerObserver {
  readonly states: DestinationState[] = [];
  fencings = 0;
  position: Position = { generation: 0, revision: 0 };
  private readonly stopping = new AbortController();
  private readonly running: Promise<void>;

  constructor(
    { journal }: Pick<Chronicle, 'journal'>,
    private readonly destination: MemoryDestination,
  ) {
    const common = { name: 'codfw', filter: 'f', facts: new MemoryFacts(), logger: silentLogger };
    this.running = runWorker({ ...common, journal, destination, routes, observer: this }, this.stopping.signal);
  }

  /** Resolves when the destination has everything up to a revision. */
  async reaches(revision: number, generation = 1): Promise<void> {
    const arrived = async () => {
      const stored = await this.destination.checkpoint(this.stopping.signal);
      const whole = stored !== null && stored.resync === null && stored.partial === null;
      const position = whole ? stored.position : this.position;
      return comparePositions(position, { generation, revision }) >= 0;
    };
    const describe = () =>
      `${generation}/${revision}, at ${JSON.stringify(this.position)}, ${this.states.slice(-3).join()}`;
    await until(arrived, { everyMs: 1, describe });
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.running;
  }

  state(state: DestinationState): void {
    this.states.push(state);
  }

  reached(position: Position): void {
    this.position = position;
  }

  fenced(): void {
    this.fencings++;
  }

  held(): void {
    this.states.push('held');
  }

  applied(): void {
    // The destination's own log tells.
  }

  stands(): void {
    // Nothing to record.
  }

  waiting(): void {
    // What counts is what is reached.
  }
}
