import type * as z from 'zod';
import type { SharedFacts } from '../contracts/facts.js';
import { parseJson } from '../model/parse-json.js';

/** One kind of fact that Tidemark keeps in the coordination etcd. The four texts are what docs/coordination.md says of it. */
export interface FactKind<T> {
  /** Path below `facts/`. A name in braces is a parameter. */
  readonly name: string;
  readonly schema: z.ZodType<T>;
  /** What it says. */
  readonly says: string;
  readonly writer: string;
  readonly remover: string;
  /** How long it lives, and what happens when somebody deletes it. */
  readonly lifetime: string;
}

/** The path of a fact: `parts` replace the parameters, in order. */
export function factName({ name }: Pick<FactKind<unknown>, 'name'>, ...parts: readonly string[]): string {
  const left = [...parts];
  return name.replaceAll(/\{\w+\}/g, () => left.shift() ?? '');
}

/** One fact: read and written as its kind's schema says. Every method throws UnavailableError. */
export class Fact<T> {
  readonly name: string;

  constructor(
    private readonly facts: SharedFacts,
    private readonly kind: FactKind<T>,
    ...parts: readonly string[]
  ) {
    this.name = factName(kind, ...parts);
  }

  /** Null when there is none, or one of another form. */
  async read(signal: AbortSignal): Promise<T | null> {
    return parseJson(this.kind.schema, await this.facts.read(this.name, signal));
  }

  async write(value: T, signal: AbortSignal): Promise<void> {
    await this.facts.write(this.name, JSON.stringify(value), signal);
  }

  async remove(signal: AbortSignal): Promise<void> {
    await this.facts.remove(this.name, signal);
  }

  /** Removes the fact that `matches` accepts, and leaves one that takes its place meanwhile. */
  async removeWhen(matches: (value: T) => boolean, signal: AbortSignal): Promise<void> {
    const text = await this.facts.read(this.name, signal);
    const value = parseJson(this.kind.schema, text);
    if (text !== null && value !== null && matches(value)) await this.facts.removeExactly(this.name, text, signal);
  }
}
