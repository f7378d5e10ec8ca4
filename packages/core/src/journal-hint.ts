import type { SharedFacts } from './contracts/facts.js';
import type { Position } from './position.js';

/** How far the journal had come, as remembered outside of it. */
export interface JournalHint {
  /** Identity of the journal. */
  readonly journal: string;
  readonly position: Position;
}

const FACT = 'journal-head';

/**
 * A journal cannot tell by itself what it has lost: an acknowledgement is not an fsync, and a stream can be deleted. So
 * the leader notes its head in the coordination etcd now and then. Relied on are the generation, and which journal it
 * is; the revision is old, or may be one whose append failed.
 */
export class JournalHints {
  constructor(private readonly facts: SharedFacts) {}

  async read(signal: AbortSignal): Promise<JournalHint | null> {
    const text = await this.facts.read(FACT, signal);
    return text === null ? null : parse(text);
  }

  async write(hint: JournalHint, signal: AbortSignal): Promise<void> {
    const { journal, position } = hint;
    const { generation, revision } = position;
    await this.facts.write(FACT, JSON.stringify({ journal, position: { generation, revision } }), signal);
  }
}

/** Null for a text that is not a hint: without one the journal speaks for itself. */
function parse(text: string): JournalHint | null {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return null;
  }
  const { journal, position } = (json ?? {}) as {
    journal?: unknown;
    position?: Partial<Record<keyof Position, unknown>>;
  };
  const { generation, revision } = position ?? {};
  if (typeof journal !== 'string' || typeof generation !== 'number' || typeof revision !== 'number') return null;
  return { journal, position: { generation, revision } };
}
