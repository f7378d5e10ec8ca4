import { type Checkpoint, formatPosition, type Position, type SharedFacts, type SnapshotRef } from '@tidemark/core';
import * as z from 'zod';
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
  /** RFC 3339. */
  readonly since: string;
}

/** A hold that is due, before it is noted. */
export type DueHold = Omit<Hold, 'since'>;

export interface Approval {
  readonly id: string;
  /** Who, as told by the one who asked: `user@host`. */
  readonly by: string;
  /** RFC 3339. */
  readonly at: string;
}

const position = z.object({ generation: z.number(), revision: z.number() });
const holdSchema = z.object({
  id: z.string(),
  brake: z.enum(['deletes', 'delete_percent', 'backlog_age', 'backlog_changes', 'rewound', 'filter']),
  evidence: z.string(),
  upTo: position.nullable(),
  since: z.string(),
});
const approvalSchema = z.object({ id: z.string(), by: z.string(), at: z.string() });

/** Holds and approvals of one destination, kept in the coordination etcd: they survive restarts and change of owner. */
export class Holds {
  constructor(
    private readonly facts: SharedFacts,
    private readonly destination: string,
  ) {}

  async current(signal: AbortSignal): Promise<Hold | null> {
    return parse(holdSchema, await this.facts.read(this.name('hold'), signal));
  }

  async approve(approval: Approval, signal: AbortSignal): Promise<void> {
    await this.facts.write(this.name('approval'), JSON.stringify(approval), signal);
  }

  /** Notes the hold, keeping since when it lasts, and returns it as noted. */
  async note(hold: DueHold, signal: AbortSignal): Promise<Hold> {
    const earlier = await this.current(signal);
    if (earlier?.id === hold.id) return earlier;
    const noted = { ...hold, since: new Date().toISOString() };
    await this.facts.write(this.name('hold'), JSON.stringify(noted), signal);
    return noted;
  }

  async approved(id: string, signal: AbortSignal): Promise<Approval | null> {
    const approval = parse(approvalSchema, await this.facts.read(this.name('approval'), signal));
    return approval?.id === id ? approval : null;
  }

  /** What a hold was for has been carried out, or is no reason any more. Another one stays. */
  async clear(id: string, signal: AbortSignal): Promise<void> {
    if ((await this.current(signal))?.id !== id) return;
    await this.facts.remove(this.name('hold'), signal);
    await this.facts.remove(this.name('approval'), signal);
  }

  private name(fact: 'hold' | 'approval'): string {
    return `destinations/${this.destination}/${fact}`;
  }
}

/**
 * What a destination must not follow without approval: a base behind a rewind that happened after the destination's own
 * position. Its content may be newer than the source's, and following would take changes back. Null when it may.
 */
export function rewindHold(found: Checkpoint | null, base: SnapshotRef, journal: string): DueHold | null {
  const { rewind } = base;
  if (found === null || rewind === null || found.position.generation === 0) return null;
  if (found.position.generation >= rewind.generation) return null;
  const evidence = `${rewind.evidence} The destination stands at revision ${found.position.revision} of generation ${found.position.generation}.`;
  return { id: `${journal}/rewind/${rewind.generation}`, brake: 'rewound', evidence, upTo: null };
}

/** Holds changes of the journal behind a checkpoint, up to and including `upTo`. */
export function changesHold(
  journal: string,
  { brake, evidence, upTo }: Pick<Hold, 'brake' | 'evidence'> & { readonly upTo: Position },
): DueHold {
  return { id: `${journal}/changes/${formatPosition(upTo)}`, brake, evidence, upTo };
}

/** Facts are written by this class only; a text that is none counts as absent. */
function parse<T>(schema: z.ZodType<T>, text: string | null): T | null {
  if (text === null) return null;
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    return null;
  }
}
