import { type SharedFacts, UnavailableError } from '@tidemark/core';

/** The calls that change a fact. */
type Change = 'write' | 'removeExactly';

/** Facts in memory, and the faults that tests need; several nodes may share them. */
export class MemoryFacts implements SharedFacts {
  /** Calls of `list` so far. */
  lists = 0;
  /** Changes that failed. */
  failures = 0;
  private readonly facts = new Map<string, string>();
  private readonly failing = new Map<string, { left: number }>();
  private emptyLists = 0;

  /** This change of this fact fails, so many times. */
  failNext(change: Change, name: string, times = 1): void {
    this.failing.set(`${change} ${name}`, { left: times });
  }

  /** All changes succeed again. */
  recover(): void {
    this.failing.clear();
  }

  /** The next `list` finds nothing: it looked before anything was written. */
  nextListIsEmpty(): void {
    this.emptyLists = 1;
  }

  async read(name: string): Promise<string | null> {
    return this.facts.get(name) ?? null;
  }

  async list(prefix: string): Promise<ReadonlyMap<string, string>> {
    this.lists++;
    if (this.emptyLists-- > 0) return new Map();
    return new Map([...this.facts].filter(([name]) => name.startsWith(prefix)));
  }

  async write(name: string, fact: string): Promise<void> {
    this.assertUp('write', name);
    this.facts.set(name, fact);
  }

  async remove(name: string): Promise<void> {
    this.facts.delete(name);
  }

  async removeExactly(name: string, fact: string): Promise<void> {
    this.assertUp('removeExactly', name);
    if (this.facts.get(name) === fact) this.facts.delete(name);
  }

  private assertUp(change: Change, name: string): void {
    const failing = this.failing.get(`${change} ${name}`);
    if (failing === undefined || failing.left === 0) return;
    failing.left--;
    this.failures++;
    throw new UnavailableError({
      message: 'The coordination etcd is away.',
      remedy: 'None needed: a test asked for this.',
    });
  }
}
