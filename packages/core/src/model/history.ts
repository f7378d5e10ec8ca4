import { type HistoryLostError, SourceForeignError, SourceRewoundError } from './errors.js';

/** Who a source is and how far it has come, from one linearizable answer. */
export interface SourceIdentity {
  /** etcd's cluster id, as a decimal string (64 bits). Not enough alone: a restored cluster usually keeps it. */
  readonly clusterId: string;
  readonly revision: number;
  /** Raft term; it goes back when a cluster was restored from a backup. */
  readonly raftTerm: number;
}

/** What lets a reconnecting leader prove that the source still has the history that was journaled. */
export interface Anchor {
  /** The source as it was when the position last moved; see `SourceIdentity`. */
  readonly clusterId: string;
  readonly raftTerm: number;
  readonly revision: number;
  /** First 16 bytes of the SHA-256 of the entry at `revision`, see `entryDigest`; null right after a reset. */
  readonly digest: Buffer | null;
}

/** The last revision in the journal, and what is known of the source as it was then. */
export interface Journaled {
  readonly revision: number;
  readonly anchor: Anchor;
}

const REMEDY =
  'Check whether the source was restored from a backup, or whether source.endpoints name another cluster. Destinations hold until approved.';

/**
 * Identity before position: a source that is another cluster, or whose history was rewound, is recognised before its
 * revision numbers are believed. Any one sign is enough, because each can be absent: a restored cluster usually keeps its
 * cluster id (it is derived from member names, URLs and token); its raft term begins anew but may have been as low
 * before; its revision may have been overtaken again. What none of the three shows is left to the leader's overlap, which
 * compares the content of the last journaled revision.
 *
 * @returns the error that describes what was seen, null when the source may be the one that was journaled
 */
export function historyBreak(journaled: Journaled, now: SourceIdentity): HistoryLostError | null {
  const { anchor, revision } = journaled;
  if (now.clusterId !== anchor.clusterId) {
    const message = `The journal holds cluster ${anchor.clusterId}, the source is cluster ${now.clusterId}.`;
    return new SourceForeignError({ message, remedy: REMEDY });
  }
  // 0: a member that has applied nothing since its restart does not know the term yet.
  if (now.raftTerm > 0 && now.raftTerm < anchor.raftTerm) {
    const message = `The source's raft term is ${now.raftTerm}, it was ${anchor.raftTerm} at revision ${anchor.revision}: the cluster was restored.`;
    return new SourceRewoundError({ message, remedy: REMEDY });
  }
  if (now.revision < revision) {
    // A watch at a revision that the source has not reached yet would wait silently until other content gets its number.
    const message = `The source stands at revision ${now.revision}, the journal at ${revision}: its history was rewound.`;
    return new SourceRewoundError({ message, remedy: REMEDY });
  }
  return null;
}
