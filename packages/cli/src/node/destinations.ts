import { isDeepStrictEqual } from 'node:util';
import { assertReadable, type DestinationConfig } from '@tidemark/core';
import { ConfiguredDestination, type DestinationContext } from './configured-destination.js';

/** The destinations of the configuration as it is now; a reload stops and starts only what changed. */
export class Destinations {
  private readonly opened = new Map<string, ConfiguredDestination>();
  private configured_: readonly DestinationConfig[];
  /** The end of the last change: changes come one after the other. */
  private last: Promise<void> = Promise.resolve();
  private stopped = false;

  constructor(private readonly context: DestinationContext) {
    this.configured_ = context.config.destinations;
  }

  /** What the file says, whether or not this node works for it. */
  get configured(): readonly DestinationConfig[] {
    return this.configured_;
  }

  get all(): readonly ConfiguredDestination[] {
    return [...this.opened.values()];
  }

  find(name: string): ConfiguredDestination | null {
    return this.opened.get(name) ?? null;
  }

  /**
   * Makes these the destinations, and returns what changed. When it rejects, nothing has changed.
   * @throws AccessDeniedError when a new or changed destination names a file that cannot be read
   */
  async configure(wanted: readonly DestinationConfig[]): Promise<DestinationChanges> {
    const change = this.last.then(() => this.change(wanted));
    this.last = change.then(
      () => undefined,
      () => undefined,
    );
    return await change;
  }

  async stopAll(): Promise<void> {
    this.stopped = true;
    await this.last;
    await Promise.all([...this.opened.keys()].map((name) => this.stop(name)));
  }

  private async change(wanted: readonly DestinationConfig[]): Promise<DestinationChanges> {
    const names = new Set(wanted.map(({ name }) => name));
    const before = new Map(this.configured.map((config) => [config.name, config]));
    const gone = [...before.keys()].filter((name) => !names.has(name));
    const changed = wanted.filter((config) => !isDeepStrictEqual(before.get(config.name), config));
    const changes = {
      added: changed.filter(({ name }) => !before.has(name)).map(({ name }) => name),
      changed: changed.filter(({ name }) => before.has(name)).map(({ name }) => name),
      removed: gone,
    };
    const works = this.context.config.node.roles.includes('worker') && !this.stopped;
    const due = works ? wanted.filter((config) => changed.includes(config) || !this.opened.has(config.name)) : [];
    // Everything that can fail comes before anything is stopped. A node starts without its files, but whoever changes the
    // configuration is there to read the error.
    changed.forEach(assertReadable);
    const fresh = due.map((config) => ConfiguredDestination.open(this.context, config));
    await Promise.all([...gone, ...changes.changed].map((name) => this.stop(name)));
    this.configured_ = wanted;
    for (const destination of fresh) {
      this.opened.set(destination.config.name, destination);
      destination.start();
    }
    return changes;
  }

  private async stop(name: string): Promise<void> {
    const destination = this.opened.get(name);
    this.opened.delete(name);
    await destination?.stop();
  }
}

/** Names of destinations, by what a reload did to them. */
export interface DestinationChanges {
  readonly added: readonly string[];
  readonly changed: readonly string[];
  readonly removed: readonly string[];
}
