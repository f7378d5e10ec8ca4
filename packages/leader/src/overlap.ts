import {
  type Anchor,
  type Entry,
  entryDigest,
  type HistoryLostError,
  type Journaled,
  type Source,
  SourceCompactedError,
  SourceGapError,
  SourceRewoundError,
} from '@tidemark/core';

/**
 * Opens the source's tail AT the last journaled revision N and joins it to the journal's end. The source has to deliver N
 * again with the content that was journaled, or N+1 when compaction has already taken N. A tail that started at N+1 would
 * accept any longer history: a source restored from a backup uses the same revision numbers again.
 *
 * @throws SourceRewoundError when N has other content now
 * @throws SourceCompactedError when N has other content because compaction at N took its deletes
 * @throws SourceGapError when the tail begins after N+1
 */
export async function* tailAfter(
  source: Pick<Source, 'tail' | 'compactedRevision'>,
  journaled: Journaled,
  signal: AbortSignal,
): AsyncGenerator<readonly Entry[]> {
  let joined = false;
  for await (const entries of source.tail(Math.max(1, journaled.revision), signal)) {
    const first = entries[0];
    if (joined || first === undefined) {
      yield entries;
      continue;
    }
    joined = true;
    if (first.revision === journaled.revision) {
      if (!hasContent(first, journaled.anchor)) throw otherContent(first, await source.compactedRevision(signal));
      if (entries.length > 1) yield entries.slice(1);
    } else if (first.revision === journaled.revision + 1) {
      yield entries;
    } else {
      throw new SourceGapError({
        message: `The source continues at revision ${first.revision}, the journal ends at ${journaled.revision}.`,
        remedy: 'Nothing to do: the leader takes a new snapshot, and the destinations resync from it.',
      });
    }
  }
}

function hasContent(entry: Entry, anchor: Anchor): boolean {
  // A revision without a digest came with a snapshot.
  if (anchor.digest === null || anchor.revision !== entry.revision) return true;
  return anchor.digest.equals(entryDigest(entry));
}

/**
 * Compaction at N removes the tombstones of N, so that a transaction with puts and deletes comes back without its deletes
 * (etcd #18089, #19179; before 3.4.36 and 3.5.18). History was lost then; it is still the same history.
 */
function otherContent({ revision }: Entry, compacted: number): HistoryLostError {
  if (compacted >= revision) {
    return new SourceCompactedError({
      message: `The source is compacted at revision ${compacted} and delivers revision ${revision} incompletely.`,
      remedy: 'Nothing to do: the leader takes a new snapshot, and the destinations resync from it.',
    });
  }
  return new SourceRewoundError({
    message: `The source delivers revision ${revision} with other content than was journaled: its history was rewound.`,
    remedy: 'Check whether the source was restored from a backup, or whether source.endpoints name another cluster.',
  });
}
