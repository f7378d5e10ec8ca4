import { formatPosition, type JournalHead, type JournalHint } from '@tidemark/core';
import type { ResetCause } from './generation.js';

/**
 * Why the journal cannot be continued from its head, null when it can. A suffix that was lost within a generation is
 * harmless: the overlap fetches it from the source again, or finds it compacted. A lost reset record is a loss:
 * destinations may have checkpoints in the generation that it began, so that number must not name another history.
 */
export function journalLoss(head: JournalHead, journal: string, hint: JournalHint | null): ResetCause | null {
  const was = hint === null ? '' : `had reached ${formatPosition(hint.position)}`;
  if (head.last === null) {
    if (hint === null) return { reason: 'first_start', evidence: 'The journal was empty, and none was known before.' };
    const what = hint.journal === journal ? 'is empty' : 'was created again';
    return { reason: 'journal_lost', evidence: `The journal ${what}; it ${was}.` };
  }
  const { position } = head.last;
  if (hint === null || hint.position.generation <= position.generation) return null;
  return { reason: 'journal_lost', evidence: `The journal ends at ${formatPosition(position)}; it ${was}.` };
}
