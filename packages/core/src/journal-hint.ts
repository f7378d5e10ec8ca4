import * as z from 'zod';
import type { SharedFacts } from './contracts/facts.js';
import { parseFact, positionSchema } from './parse-fact.js';
import type { Position } from './position.js';

/** How far the journal had come, as remembered outside of it. */
export interface JournalHint {
  /** Identity of the journal. */
  readonly journal: string;
  readonly position: Position;
}

const FACT = 'journal-head';
const hintSchema = z.object({ journal: z.string(), position: positionSchema });

/**
 * A journal cannot tell by itself what it has lost: an acknowledgement is not an fsync, and a stream can be deleted. So
 * the leader notes its head in the coordination etcd now and then. Relied on are the generation, and which journal it
 * is; the revision is old, or may be one whose append failed.
 */
export class JournalHints {
  constructor(private readonly facts: SharedFacts) {}

  /** Null when there is none: then the journal speaks for itself. */
  async read(signal: AbortSignal): Promise<JournalHint | null> {
    return parseFact(hintSchema, await this.facts.read(FACT, signal));
  }

  async write(hint: JournalHint, signal: AbortSignal): Promise<void> {
    const { journal, position } = hint;
    const { generation, revision } = position;
    await this.facts.write(FACT, JSON.stringify({ journal, position: { generation, revision } }), signal);
  }
}
