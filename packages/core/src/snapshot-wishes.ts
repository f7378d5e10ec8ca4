import type { SharedFacts } from './contracts/facts.js';
import { parseFact, positionSchema } from './parse-fact.js';
import type { Position } from './position.js';

const PREFIX = 'snapshots/wanted/';

/**
 * Destinations that cannot go on without a snapshot say so here, and the leader takes one: it may run on another node.
 * A wish is for a snapshot at a position or behind it.
 */
export class SnapshotWishes {
  constructor(private readonly facts: SharedFacts) {}

  async wish(destination: string, { generation, revision }: Position, signal: AbortSignal): Promise<void> {
    await this.facts.write(PREFIX + destination, JSON.stringify({ generation, revision }), signal);
  }

  async withdraw(destination: string, signal: AbortSignal): Promise<void> {
    await this.facts.remove(PREFIX + destination, signal);
  }

  async all(signal: AbortSignal): Promise<readonly Position[]> {
    return [...(await this.facts.list(PREFIX, signal)).values()].flatMap(
      (text) => parseFact(positionSchema, text) ?? [],
    );
  }
}
