import type { SharedFacts } from '../contracts/facts.js';
import { parseJson } from '../model/parse-json.js';
import type { Position } from '../model/position.js';
import { Fact } from './fact.js';
import { SNAPSHOT_REQUEST, SNAPSHOT_REQUESTS } from './kinds.js';

/**
 * Requests of destinations that cannot continue without a snapshot. The leader takes it, possibly on another node. A
 * request is for a snapshot at a position or after it.
 */
export class SnapshotRequests {
  constructor(private readonly facts: SharedFacts) {}

  async request(destination: string, { generation, revision }: Position, signal: AbortSignal): Promise<void> {
    await this.of(destination).write({ generation, revision }, signal);
  }

  async withdraw(destination: string, signal: AbortSignal): Promise<void> {
    await this.of(destination).remove(signal);
  }

  async all(signal: AbortSignal): Promise<readonly Position[]> {
    const texts = [...(await this.facts.list(SNAPSHOT_REQUESTS, signal)).values()];
    return texts.flatMap((text) => parseJson(SNAPSHOT_REQUEST.schema, text) ?? []);
  }

  private of(destination: string): Fact<Position> {
    return new Fact(this.facts, SNAPSHOT_REQUEST, destination);
  }
}
