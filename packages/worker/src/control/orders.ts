import { randomUUID } from 'node:crypto';
import type { RouteConfig, SharedFacts } from '@tidemark/core';
import { parseRoutes } from '@tidemark/core';
import type { Pause, ResyncOrder } from './board.js';

/** Writes the orders for one destination, and what it has to remember outside of the destination. */
export class Orders {
  constructor(
    private readonly facts: SharedFacts,
    private readonly destination: string,
  ) {}

  async pause(by: string, signal: AbortSignal): Promise<Pause> {
    const pause = { by, at: new Date().toISOString() };
    await this.facts.write(this.name('pause'), JSON.stringify(pause), signal);
    return pause;
  }

  async resume(signal: AbortSignal): Promise<void> {
    await this.facts.remove(this.name('pause'), signal);
  }

  async resync(by: string, signal: AbortSignal): Promise<ResyncOrder> {
    const order = { id: randomUUID(), by, at: new Date().toISOString() };
    await this.facts.write(this.name('resync'), JSON.stringify(order), signal);
    return order;
  }

  /** A later order stands. */
  async resynced({ id }: ResyncOrder, signal: AbortSignal): Promise<void> {
    const text = await this.facts.read(this.name('resync'), signal);
    if (text?.includes(id)) await this.facts.remove(this.name('resync'), signal);
  }

  /** Keeps the routes of a fingerprint, for the day on which they are others. */
  async rememberRoutes(fingerprint: string, routes: readonly RouteConfig[], signal: AbortSignal): Promise<void> {
    const name = this.name(`routes/${fingerprint}`);
    if ((await this.facts.read(name, signal)) === null) await this.facts.write(name, JSON.stringify(routes), signal);
  }

  /** Null when they are not known. */
  async recallRoutes(fingerprint: string, signal: AbortSignal): Promise<readonly RouteConfig[] | null> {
    const text = await this.facts.read(this.name(`routes/${fingerprint}`), signal);
    return text === null ? null : parseRoutes(text);
  }

  /** The destination is under other routes for good. */
  async forgetRoutes(fingerprint: string, signal: AbortSignal): Promise<void> {
    await this.facts.remove(this.name(`routes/${fingerprint}`), signal);
  }

  private name(fact: string): string {
    return `destinations/${this.destination}/${fact}`;
  }
}
