import type { SharedFacts } from '@tidemark/core';

/** Facts in memory; several nodes may share them. */
export class MemoryFacts implements SharedFacts {
  private readonly facts = new Map<string, string>();

  async read(name: string): Promise<string | null> {
    return this.facts.get(name) ?? null;
  }

  async list(prefix: string): Promise<ReadonlyMap<string, string>> {
    return new Map([...this.facts].filter(([name]) => name.startsWith(prefix)));
  }

  async write(name: string, fact: string): Promise<void> {
    this.facts.set(name, fact);
  }

  async remove(name: string): Promise<void> {
    this.facts.delete(name);
  }

  async removeExactly(name: string, fact: string): Promise<void> {
    if (this.facts.get(name) === fact) this.facts.delete(name);
  }
}
