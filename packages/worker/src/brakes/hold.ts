import {
  type Checkpoint,
  formatPosition,
  type Position,
  parseFact,
  positionSchema,
  type SharedFacts,
  type SnapshotRef,
} from '@tidemark/core';
import * as z from 'zod';
import { type Approval, approvalSchema, noteSchema } from '../control/facts.js';
import type { BrakeName } from './limits.js';

/** Why a destination stands still until somebody approves. */
export interface Hold {
  /** Names exactly what would happen: an approval is for one id and for nothing newer. */
  readonly id: string;
  readonly brake: BrakeName;
  /** What was seen; no keys' values. */
  readonly evidence: string;
  /** Up to here an approval lets changes of the journal go; null when it is for a base, not for changes. */
  readonly upTo: Position | null;
  /** For a base: an approval lets it delete so many keys at most. Null when it is for changes. */
  readonly deletes: number | null;
  /** RFC 3339. */
  readonly since: string;
}

/** A hold that is due, before it is noted. */
export type DueHold = Omit<Hold, 'since'>;

type Note = 'hold' | 'approval';

const holdSchema = z.object({
  id: z.string(),
  brake: z.enum(['deletes', 'delete_percent', 'backlog_age', 'backlog_changes', 'rewound', 'filter']),
  evidence: z.string(),
  upTo: positionSchema.nullable(),
  deletes: z.number().nullable(),
  since: z.string(),
});

/** Holds and approvals of one destination, kept in the coordination etcd: they survive restarts and change of owner. */
export class Holds {
  constructor(
    private readonly facts: SharedFacts,
    private readonly destination: string,
  ) {}

  async current(signal: AbortSignal): Promise<Hold | null> {
    return parseFact(holdSchema, await this.facts.read(this.name('hold'), signal));
  }

  async approve(approval: Approval, signal: AbortSignal): Promise<void> {
    await this.facts.write(this.name('approval'), JSON.stringify(approval), signal);
  }

  /**
   * Notes the hold, keeping since when it lasts, and returns it as noted. One that was noted for more stays, and with it
   * its approval: a base that was interrupted half-way has less left to do.
   */
  async note(hold: DueHold, signal: AbortSignal): Promise<Hold> {
    const earlier = await this.current(signal);
    if (earlier !== null && covers(earlier, hold)) return earlier;
    const noted = { ...hold, since: new Date().toISOString() };
    await this.facts.write(this.name('hold'), JSON.stringify(noted), signal);
    return noted;
  }

  /** Notes it again where it is gone: what is not noted cannot be approved. */
  async keep(hold: Hold, signal: AbortSignal): Promise<void> {
    if ((await this.current(signal))?.id === hold.id) return;
    await this.facts.write(this.name('hold'), JSON.stringify(hold), signal);
  }

  async approved(id: string, signal: AbortSignal): Promise<Approval | null> {
    const approval = parseFact(approvalSchema, await this.facts.read(this.name('approval'), signal));
    return approval?.id === id ? approval : null;
  }

  /** What a hold was for has been carried out, or is no reason any more. Another one stays, and its approval. */
  async clear(id: string, signal: AbortSignal): Promise<void> {
    for (const note of ['hold', 'approval'] as const) await this.removeOf(id, note, signal);
  }

  /** A newer one may be noted while this one is read. */
  private async removeOf(id: string, note: Note, signal: AbortSignal): Promise<void> {
    const noted = await this.facts.read(this.name(note), signal);
    if (noted !== null && parseFact(noteSchema, noted)?.id === id) {
      await this.facts.removeExactly(this.name(note), noted, signal);
    }
  }

  private name(fact: Note): string {
    return `destinations/${this.destination}/${fact}`;
  }
}

/** Whether an approval of what was noted is one for what is due: the same, or the same base with no more deletes. */
function covers(noted: Hold, due: DueHold): boolean {
  if (noted.id === due.id) return true;
  if (noted.deletes === null || due.deletes === null || due.deletes > noted.deletes) return false;
  return noted.id === due.id.replace(/\d+$/, String(noted.deletes));
}

/** Names a base: which, and how much it would delete. */
export function baseId(what: string, deletes: number): string {
  return `${what}/${deletes}`;
}

/**
 * What a destination must not follow without approval: a base behind a rewind that happened after the destination's own
 * position. Its content may be newer than the source's, and following would take changes back. Null when it may.
 */
export function rewindHold(
  found: Checkpoint | null,
  base: SnapshotRef,
  { journal, deletes }: { readonly journal: string; readonly deletes: number },
): DueHold | null {
  const { rewind } = base;
  if (found === null || rewind === null || found.position.generation === 0) return null;
  if (found.position.generation >= rewind.generation) return null;
  const evidence = `${rewind.evidence} The destination stands at revision ${found.position.revision} of generation ${found.position.generation}.`;
  const id = baseId(`${journal}/rewind/${rewind.generation}/${base.id}`, deletes);
  return { id, brake: 'rewound', evidence, upTo: null, deletes };
}

/** Holds changes of the journal behind a checkpoint, up to and including `upTo`. */
export function changesHold(
  journal: string,
  { brake, evidence, upTo }: Pick<Hold, 'brake' | 'evidence'> & { readonly upTo: Position },
): DueHold {
  return { id: `${journal}/changes/${formatPosition(upTo)}`, brake, evidence, upTo, deletes: null };
}
