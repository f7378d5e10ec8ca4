import type { SharedFacts } from '../contracts/facts.js';
import type { Position } from '../model/position.js';
import { Fact } from './fact.js';
import { JOURNAL_HINT } from './kinds.js';

/** Which journal was written, and the position it had reached, as noted outside of it. */
export interface JournalHint {
  /** Identity of the journal. */
  readonly journal: string;
  readonly position: Position;
}

/**
 * The journal hint, written to the coordination etcd now and then. It shows what a journal has lost: an
 * acknowledgement is not an fsync, and a stream can be deleted. Only the identity and the generation are reliable; the
 * revision is old, or its append has failed.
 */
export class JournalHints {
  private readonly fact: Fact<JournalHint>;

  constructor(facts: SharedFacts) {
    this.fact = new Fact(facts, JOURNAL_HINT);
  }

  /** Null when there is none: then only the journal itself is known. */
  async read(signal: AbortSignal): Promise<JournalHint | null> {
    return await this.fact.read(signal);
  }

  async write({ journal, position }: JournalHint, signal: AbortSignal): Promise<void> {
    const { generation, revision } = position;
    await this.fact.write({ journal, position: { generation, revision } }, signal);
  }
}
