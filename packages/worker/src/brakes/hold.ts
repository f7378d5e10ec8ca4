import {
  APPROVAL,
  type Approval,
  type Checkpoint,
  Fact,
  formatPosition,
  HOLD,
  type Hold,
  type Position,
  type SharedFacts,
  type SnapshotRef,
} from '@tidemark/core';

/** A hold that is due, before it is noted. */
export type DueHold = Omit<Hold, 'since'>;

/** Holds and approvals of one destination, kept in the coordination etcd: they survive restarts and change of owner. */
export class Holds {
  private readonly hold: Fact<Hold>;
  private readonly approval: Fact<Approval>;

  constructor(facts: SharedFacts, destination: string) {
    this.hold = new Fact(facts, HOLD, destination);
    this.approval = new Fact(facts, APPROVAL, destination);
  }

  async current(signal: AbortSignal): Promise<Hold | null> {
    return await this.hold.read(signal);
  }

  async approve(approval: Approval, signal: AbortSignal): Promise<void> {
    await this.approval.write(approval, signal);
  }

  /**
   * Notes the hold, keeping since when it lasts, and returns it as noted. One that was noted for more stays, and with it
   * its approval: a resync that was interrupted half-way has less left to do.
   */
  async note(hold: DueHold, signal: AbortSignal): Promise<Hold> {
    const earlier = await this.current(signal);
    if (earlier !== null && covers(earlier, hold)) return earlier;
    const since = earlier !== null && isSameBacklog(earlier, hold) ? earlier.since : new Date().toISOString();
    const noted = { ...hold, since };
    await this.hold.write(noted, signal);
    return noted;
  }

  /** Notes it again where it is gone: what is not noted cannot be approved. */
  async keep(hold: Hold, signal: AbortSignal): Promise<void> {
    if ((await this.current(signal))?.id !== hold.id) await this.hold.write(hold, signal);
  }

  /** The approval of a hold, and what exactly it lets go; null when there is none. */
  async approved(hold: DueHold, signal: AbortSignal): Promise<Approved | null> {
    const approval = await this.approval.read(signal);
    const approved = approval === null ? null : holdOf(hold, approval.id);
    return approval === null || approved === null ? null : { approval, hold: approved };
  }

  /** What a hold was for has been carried out, or is no reason any more. Another one stays, and its approval. */
  async clear(id: string, signal: AbortSignal): Promise<void> {
    for (const fact of [this.hold, this.approval]) await fact.removeWhen((noted) => noted.id === id, signal);
  }

  /** As `clear`, of a hold that was approved; also where the noted one has grown since: the rest of it is judged again. */
  async spent(id: string, signal: AbortSignal): Promise<void> {
    await this.hold.removeWhen((noted) => holdOf(noted, id) !== null, signal);
    await this.approval.removeWhen((approval) => approval.id === id, signal);
  }
}

/** An approval, and the hold as it was shown to the one who approved. */
export interface Approved {
  readonly approval: Approval;
  readonly hold: DueHold;
}

const CHANGES = /^(.*\/changes\/)(\d+)\/(\d+)$/;

/**
 * The hold that an id names, where it is this one as it is now or as it was shown before; null where it is another one. A
 * hold of changes grows while more arrives. What was shown before is the part of it that ends earlier, and the journal
 * does not change: an approval of it lets go exactly that part.
 */
export function holdOf(hold: DueHold, id: string): DueHold | null {
  if (hold.id === id) return hold;
  const [, prefix, generation, revision] = CHANGES.exec(id) ?? [];
  if (hold.upTo === null || prefix === undefined || !hold.id.startsWith(prefix)) return null;
  const upTo = { generation: Number(generation), revision: Number(revision) };
  if (upTo.generation !== hold.upTo.generation || upTo.revision > hold.upTo.revision) return null;
  return { ...hold, id, upTo };
}

/** Whether both hold what waits in one journal, as it was and as it is now. */
function isSameBacklog(earlier: Hold, now: DueHold): boolean {
  return earlier.upTo?.generation === now.upTo?.generation && holdOf(now, earlier.id) !== null;
}

/** Whether an approval of what was noted is one for what is due: the same, or the same resync with no more deletes. */
function covers(noted: Hold, due: DueHold): boolean {
  if (noted.id === due.id) return true;
  if (noted.deletes === null || due.deletes === null || due.deletes > noted.deletes) return false;
  return noted.id === due.id.replace(/\d+$/, String(noted.deletes));
}

/** Names a resync: which, and how much it would delete. */
export function resyncId(what: string, deletes: number): string {
  return `${what}/${deletes}`;
}

/**
 * What a destination must not follow without approval: a snapshot from after a rewind that the destination
 * has not seen. Its content may be newer than the source's, and following would take changes back. Null when it may.
 */
export function rewindHold(
  found: Checkpoint | null,
  snapshot: SnapshotRef,
  { journal, deletes }: { readonly journal: string; readonly deletes: number },
): DueHold | null {
  const { rewind } = snapshot;
  if (found === null || rewind === null || found.position.generation === 0) return null;
  if (found.position.generation >= rewind.generation) return null;
  const evidence = `${rewind.evidence} The destination is at revision ${found.position.revision} of generation ${found.position.generation}.`;
  const id = resyncId(`${journal}/rewind/${rewind.generation}/${snapshot.id}`, deletes);
  return { id, brake: 'rewound', evidence, upTo: null, deletes };
}

/** Holds changes of the journal after a checkpoint, up to and including `upTo`. */
export function changesHold(
  journal: string,
  { brake, evidence, upTo }: Pick<Hold, 'brake' | 'evidence'> & { readonly upTo: Position },
): DueHold {
  return { id: `${journal}/changes/${formatPosition(upTo)}`, brake, evidence, upTo, deletes: null };
}
