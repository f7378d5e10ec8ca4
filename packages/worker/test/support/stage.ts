import { MemoryDestination, MemoryFacts, never } from '@tidemark/testing';
import { Holds } from '../../src/index.js';
import { Chronicle } from './chronicle.js';
import { owned, replica, WorkerNode } from './worker-node.js';

/** Keys below `/a/` that the source begins with. */
export const KEYS = 150;

/** A journaled source, one destination named `codfw`, and the workers that a test sets to it, all in memory. */
export class Stage implements AsyncDisposable {
  readonly chronicle = new Chronicle();
  readonly facts = new MemoryFacts();
  /** A test may put another one here before it sets a worker to it. */
  destination = new MemoryDestination();
  private readonly workers: WorkerNode[] = [];

  static async open(): Promise<Stage> {
    const stage = new Stage();
    for (let index = 0; index < KEYS; index++) stage.chronicle.source.put(`/a/${index}`, `value ${index}`);
    await stage.chronicle.reset();
    return stage;
  }

  work(options: ConstructorParameters<typeof WorkerNode>[2] = {}): WorkerNode {
    const worker = new WorkerNode(this.chronicle, this.destination, { facts: this.facts, ...options });
    this.workers.push(worker);
    return worker;
  }

  /** A change of the source, journaled. */
  async put(key: string, value: string): Promise<void> {
    this.chronicle.source.put(key, value);
    await this.chronicle.catchUp();
  }

  /** Approves what holds a worker. */
  async approve({ hold }: WorkerNode): Promise<void> {
    const approval = { id: hold?.id ?? '', by: 'sre@host', at: 'now' };
    await new Holds(this.facts, 'codfw').approve(approval, never);
  }

  /** What the destination must hold. */
  get expected(): Map<string, string> {
    return replica(this.chronicle.source.content());
  }

  /** What it holds. */
  get found(): Map<string, string> {
    return owned(this.destination.content());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.workers.map((worker) => worker.stop()));
  }
}
