import { type HistoryLostError, SourceForeignError, SourceRewoundError } from './errors.js';

/** Identity and position of a source, from one linearizable answer. */
export interface SourceIdentity {
  /** etcd's cluster id, as a decimal string (64 bits). Not enough alone: a restored cluster usually keeps it. */
  readonly clusterId: string;
  readonly revision: number;
  /** Raft term; it goes back when a cluster was restored from a backup. */
  readonly raftTerm: number;
}

/** Lets a leader that resumes prove that the source still has the history that was journaled. */
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
  'Check whether the source was restored from a backup, or whether source.endpoints name another cluster. Destinations are held until somebody approves.';

/**
 * Recognises another cluster, or a rewound history, before the source's revision numbers are trusted. One of three signs
 * is enough, because each can be absent. A restored cluster usually keeps its cluster id, which is derived from member
 * names, URLs and token. Its raft term counts from the start again, and may have been as low before. Its revision may have
 * grown past the old one. The leader's overlap compares the content of the last journaled revision and finds the rest.
 *
 * @returns the error that describes what was seen, null when the source may be the one that was journaled
 */
export function historyBreak(journaled: Journaled, now: SourceIdentity): HistoryLostError | null {
  const { anchor, revision } = journaled;
  if (now.clusterId !== anchor.clusterId) {
    const message = `The journal holds cluster ${anchor.clusterId}, the source is cluster ${now.clusterId}.`;
    return new SourceForeignError({ message, remedy: REMEDY });
  }
  // 0: a member that has applied nothing since its restart reports no term yet.
  if (now.raftTerm > 0 && now.raftTerm < anchor.raftTerm) {
    const message = `The source's raft term is ${now.raftTerm}, it was ${anchor.raftTerm} at revision ${anchor.revision}: the cluster was restored.`;
    return new SourceRewoundError({ message, remedy: REMEDY });
  }
  if (now.revision < revision) {
    // A watch at a future revision would wait silently until other content gets that number.
    const message = `The source is at revision ${now.revision}, the journal at ${revision}: its history was rewound.`;
    return new SourceRewoundError({ message, remedy: REMEDY });
  }
  return null;
}
