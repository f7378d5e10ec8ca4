import type { Checkpoint } from '@tidemark/core';

/** A checkpoint at a revision of generation 1 of some journal, with nothing under way, unless `more` says otherwise. */
export function checkpointAt(revision: number, more: Partial<Checkpoint> = {}): Checkpoint {
  const position = { generation: 1, revision };
  return { journal: 'j', position, filter: 'f', resync: null, partial: null, fence: null, ...more };
}
