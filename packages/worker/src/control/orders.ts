import { randomUUID } from 'node:crypto';
import type { RouteConfig, SharedFacts } from '@tidemark/core';
import { parseRoutes } from '@tidemark/core';
import type { Pause, ResyncOrder } from './facts.js';

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

  /** Notes that nothing is under way any more since a pause was ordered. */
  async noteStill({ by, at }: Pause, signal: AbortSignal): Promise<void> {
    await this.facts.write(this.name('still'), JSON.stringify({ by, at }), signal);
  }

  async resume(signal: AbortSignal): Promise<void> {
    await this.facts.remove(this.name('pause'), signal);
    await this.facts.remove(this.name('still'), signal);
  }

  async resync(by: string, signal: AbortSignal): Promise<ResyncOrder> {
    const order = { id: randomUUID(), by, at: new Date().toISOString() };
    await this.facts.write(this.name('resync'), JSON.stringify(order), signal);
    return order;
  }

  /** A later order stands. */
  async resynced({ id }: ResyncOrder, signal: AbortSignal): Promise<void> {
    const text = await this.facts.read(this.name('resync'), signal);
    if (text?.includes(id)) await this.facts.removeExactly(this.name('resync'), text, signal);
  }

  /** Keeps the routes of a fingerprint, for the day on which they are others. */
  async rememberRoutes(fingerprint: string, routes: readonly RouteConfig[], signal: AbortSignal): Promise<void> {
    const name = this.name(`routes/${fingerprint}`);
    if ((await this.facts.read(name, signal)) === null) await this.facts.write(name, JSON.stringify(routes), signal);
  }

  /**
   * All remembered routes but those of a fingerprint. More than one other set of routes is remembered when they were
   * changed again before the destination had arrived: keys of each of them may be there.
   */
  async formerRoutes(fingerprint: string, signal: AbortSignal): Promise<readonly RouteConfig[]> {
    return (await this.formerFacts(fingerprint, signal)).flatMap(([, text]) => parseRoutes(text) ?? []);
  }

  /** The destination is under the routes of a fingerprint for good. */
  async forgetFormerRoutes(fingerprint: string, signal: AbortSignal): Promise<void> {
    for (const [name] of await this.formerFacts(fingerprint, signal)) await this.facts.remove(name, signal);
  }

  private async formerFacts(fingerprint: string, signal: AbortSignal): Promise<readonly [string, string][]> {
    const remembered = await this.facts.list(this.name('routes/'), signal);
    return [...remembered].filter(([name]) => name !== this.name(`routes/${fingerprint}`));
  }

  private name(fact: string): string {
    return `destinations/${this.destination}/${fact}`;
  }
}
