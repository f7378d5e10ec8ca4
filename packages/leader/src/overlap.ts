import { type Anchor, type Entry, entryDigest, SourceGapError, SourceRewoundError } from '@tidemark/core';

/** The last revision in the journal, and what is known of the source as it was then. */
export interface Journaled {
  readonly revision: number;
  readonly anchor: Anchor;
}

/**
 * Joins a tail that was opened AT the last journaled revision N to the journal's end. The source has to deliver N again
 * with the content that was journaled, or N+1 when compaction has already taken N. Starting at N+1 instead would accept
 * any history that happens to be longer than N: a source restored from a backup reuses the revision numbers.
 *
 * @throws SourceRewoundError when N has other content now
 * @throws SourceGapError when the tail begins after N+1
 */
export async function* behindOverlap(
  tail: AsyncIterable<readonly Entry[]>,
  journaled: Journaled,
): AsyncGenerator<readonly Entry[]> {
  let joined = false;
  for await (const entries of tail) {
    const first = entries[0];
    if (joined || first === undefined) {
      yield entries;
      continue;
    }
    joined = true;
    if (first.revision === journaled.revision) {
      assertSameContent(first, journaled.anchor);
      if (entries.length > 1) yield entries.slice(1);
    } else if (first.revision === journaled.revision + 1) {
      yield entries;
    } else {
      throw new SourceGapError({
        message: `The source continues at revision ${first.revision}, the journal ends at ${journaled.revision}.`,
        remedy: 'None needed: a new snapshot is taken and the destinations are brought up by difference.',
      });
    }
  }
}

function assertSameContent(entry: Entry, anchor: Anchor): void {
  // Without a digest the revision came with a snapshot.
  if (anchor.digest === null || anchor.revision !== entry.revision) return;
  if (anchor.digest.equals(entryDigest(entry))) return;
  throw new SourceRewoundError({
    message: `Revision ${entry.revision} of the source has other content than what was journaled: its history was rewound.`,
    remedy: 'Check whether the source was restored from a backup, or whether source.endpoints name another cluster.',
  });
}
