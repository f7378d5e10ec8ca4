import { randomUUID } from 'node:crypto';
import {
  Fact,
  factName,
  PAUSE,
  type Pause,
  parseJson,
  QUIESCED,
  RESYNC_ORDER,
  type ResyncOrder,
  ROUTES,
  type RouteConfig,
  type SharedFacts,
} from '@tidemark/core';

/** Writes the orders for one destination, and the routes that have to be remembered outside of it. */
export class Orders {
  private readonly pauseFact: Fact<Pause>;
  private readonly quiescedFact: Fact<Pause>;
  private readonly resyncFact: Fact<ResyncOrder>;

  constructor(
    private readonly facts: SharedFacts,
    private readonly destination: string,
  ) {
    this.pauseFact = new Fact(facts, PAUSE, destination);
    this.quiescedFact = new Fact(facts, QUIESCED, destination);
    this.resyncFact = new Fact(facts, RESYNC_ORDER, destination);
  }

  async pause(by: string, signal: AbortSignal): Promise<Pause> {
    const pause = { by, at: new Date().toISOString() };
    await this.pauseFact.write(pause, signal);
    return pause;
  }

  /** Notes that the pause is in force: nothing is in flight or in doubt. */
  async noteQuiesced({ by, at }: Pause, signal: AbortSignal): Promise<void> {
    await this.quiescedFact.write({ by, at }, signal);
  }

  async resume(signal: AbortSignal): Promise<void> {
    await this.pauseFact.remove(signal);
    await this.quiescedFact.remove(signal);
  }

  async resync(by: string, signal: AbortSignal): Promise<ResyncOrder> {
    const order = { id: randomUUID(), by, at: new Date().toISOString() };
    await this.resyncFact.write(order, signal);
    return order;
  }

  /** Removes an order that was carried out; a later one stays. */
  async resynced({ id }: ResyncOrder, signal: AbortSignal): Promise<void> {
    await this.resyncFact.removeWhen((order) => order.id === id, signal);
  }

  /** Keeps the routes of a fingerprint, for the day on which they are others. */
  async rememberRoutes(fingerprint: string, routes: readonly RouteConfig[], signal: AbortSignal): Promise<void> {
    const fact = new Fact(this.facts, ROUTES, this.destination, fingerprint);
    if ((await fact.read(signal)) === null) await fact.write([...routes], signal);
  }

  /**
   * All remembered routes but those of a fingerprint. More than one other set of routes is remembered when they were
   * changed again before the destination had arrived: keys of each of them may be there.
   */
  async formerRoutes(fingerprint: string, signal: AbortSignal): Promise<readonly RouteConfig[]> {
    const former = await this.formerFacts(fingerprint, signal);
    return former.flatMap(([, text]) => parseJson(ROUTES.schema, text) ?? []);
  }

  /** The destination is under the routes of a fingerprint for good. */
  async forgetFormerRoutes(fingerprint: string, signal: AbortSignal): Promise<void> {
    for (const [name] of await this.formerFacts(fingerprint, signal)) await this.facts.remove(name, signal);
  }

  private async formerFacts(fingerprint: string, signal: AbortSignal): Promise<readonly [string, string][]> {
    const remembered = await this.facts.list(factName(ROUTES, this.destination), signal);
    return [...remembered].filter(([name]) => name !== factName(ROUTES, this.destination, fingerprint));
  }
}
