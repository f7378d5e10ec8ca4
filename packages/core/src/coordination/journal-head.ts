import type { SharedFacts } from '../contracts/facts.js';
import type { Position } from '../model/position.js';
import { Fact } from './fact.js';
import { JOURNAL_HEAD } from './kinds.js';

/** How far the journal had come, as remembered outside of it. */
export interface JournalHint {
  /** Identity of the journal. */
  readonly journal: string;
  readonly position: Position;
}

/**
 * A journal cannot know by itself what it has lost: an acknowledgement is not an fsync, and a stream can be deleted. So
 * the leader notes its head in the coordination etcd now and then. Relied on are the generation, and which journal it
 * is; the revision is old, or may be one whose append failed.
 */
export class JournalHints {
  private readonly fact: Fact<JournalHint>;

  constructor(facts: SharedFacts) {
    this.fact = new Fact(facts, JOURNAL_HEAD);
  }

  /** Null when there is none: then the journal speaks for itself. */
  async read(signal: AbortSignal): Promise<JournalHint | null> {
    return await this.fact.read(signal);
  }

  async write({ journal, position }: JournalHint, signal: AbortSignal): Promise<void> {
    const { generation, revision } = position;
    await this.fact.write({ journal, position: { generation, revision } }, signal);
  }
}
