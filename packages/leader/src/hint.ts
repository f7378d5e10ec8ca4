import { formatPosition, type JournalHead, type Position, type SharedFacts } from '@tidemark/core';
import type { ResetCause } from './base.js';

/** How far the journal had come, as remembered outside of it. */
export interface JournalHint {
  /** Identity of the journal. */
  readonly journal: string;
  readonly position: Position;
}

const FACT = 'journal-head';

/**
 * A journal cannot tell by itself what it has lost: an acknowledgement is not an fsync, and a stream can be deleted. So
 * the leader notes its head in the coordination etcd now and then. Only the generation in
 * the note is relied on: its revision is old, or may be one whose append failed.
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

/**
 * Why the journal cannot be continued from its head, null when it can. A lost suffix within a generation is no reason:
 * the overlap fetches it from the source again, or finds it compacted. A lost reset is: destinations may already stand
 * in the generation that it began, so its number must not be given to other history.
 */
export function journalLoss(head: JournalHead, journal: string, hint: JournalHint | null): ResetCause | null {
  const was = hint === null ? '' : `had reached ${formatPosition(hint.position)}`;
  if (head.last === null) {
    if (hint === null) return { reason: 'first_start', evidence: 'The journal was empty, and none was known before.' };
    const what = hint.journal === journal ? 'is empty' : 'was created anew';
    return { reason: 'journal_lost', evidence: `The journal ${what}; it ${was}.` };
  }
  const { position } = head.last;
  if (hint === null || hint.journal !== journal || hint.position.generation <= position.generation) return null;
  return { reason: 'journal_lost', evidence: `The journal ends at ${formatPosition(position)}; it ${was}.` };
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
