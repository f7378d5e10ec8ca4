import type { Anchor } from '@tidemark/core';

/** What a record says of the source, where a test does not care. */
export const someAnchor: Anchor = { clusterId: '42', raftTerm: 2, revision: 1, digest: null };
