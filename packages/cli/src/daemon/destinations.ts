import { isDeepStrictEqual } from 'node:util';
import type { DestinationConfig } from '@tidemark/core';
import { type DestinationContext, OwnedDestination } from './owned-destination.js';

/** The destinations of the configuration as it is now; a reload stops and starts only what changed. */
export class Destinations {
  private readonly owned = new Map<string, OwnedDestination>();

  constructor(private readonly context: DestinationContext) {}

  get all(): readonly OwnedDestination[] {
    return [...this.owned.values()];
  }

  find(name: string): OwnedDestination | null {
    return this.owned.get(name) ?? null;
  }

  async configure(wanted: readonly DestinationConfig[]): Promise<void> {
    const names = new Set(wanted.map(({ name }) => name));
    const gone = this.all.filter(({ config }) => !names.has(config.name));
    const changed = wanted.filter((config) => !isDeepStrictEqual(this.owned.get(config.name)?.config, config));
    await Promise.all([
      ...gone.map(({ config }) => this.stop(config.name)),
      ...changed.map(({ name }) => this.stop(name)),
    ]);
    for (const config of changed) this.owned.set(config.name, OwnedDestination.start(this.context, config));
  }

  async stopAll(): Promise<void> {
    await Promise.all([...this.owned.keys()].map((name) => this.stop(name)));
  }

  private async stop(name: string): Promise<void> {
    const owned = this.owned.get(name);
    this.owned.delete(name);
    await owned?.stop();
  }
}
