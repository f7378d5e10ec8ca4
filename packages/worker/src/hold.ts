import { type Checkpoint, type SharedFacts, type SnapshotRef, sleep } from '@tidemark/core';

/** Milliseconds between two looks for an approval. */
const POLL_MS = 500;

/** Why a destination stands still until somebody approves. */
export interface Hold {
  /** Names exactly what would happen: an approval is for one id and for nothing newer. */
  readonly id: string;
  readonly brake: 'rewound';
  /** What was seen; no keys' values. */
  readonly evidence: string;
  /** RFC 3339. */
  readonly since: string;
}

export interface Approval {
  readonly id: string;
  /** Who, as told by the one who asked: `user@host`. */
  readonly by: string;
  /** RFC 3339. */
  readonly at: string;
}

/** Holds and approvals of one destination, kept in the coordination etcd: they survive restarts and change of owner. */
export class Holds {
  constructor(
    private readonly facts: SharedFacts,
    private readonly destination: string,
  ) {}

  async current(signal: AbortSignal): Promise<Hold | null> {
    return parse<Hold>(await this.facts.read(this.name('hold'), signal));
  }

  async approve(approval: Approval, signal: AbortSignal): Promise<void> {
    await this.facts.write(this.name('approval'), JSON.stringify(approval), signal);
  }

  /** Notes the hold, keeping since when it lasts, and returns it as noted. */
  async note(hold: Omit<Hold, 'since'>, signal: AbortSignal): Promise<Hold> {
    const earlier = await this.current(signal);
    if (earlier?.id === hold.id) return earlier;
    const noted = { ...hold, since: new Date().toISOString() };
    await this.facts.write(this.name('hold'), JSON.stringify(noted), signal);
    return noted;
  }

  async approved(id: string, signal: AbortSignal): Promise<Approval | null> {
    const approval = parse<Approval>(await this.facts.read(this.name('approval'), signal));
    return approval?.id === id ? approval : null;
  }

  /** Waits a moment before the next look. */
  async pause(signal: AbortSignal): Promise<void> {
    await sleep(POLL_MS, signal);
  }

  /** What was approved has been carried out. */
  async clear(signal: AbortSignal): Promise<void> {
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
export function rewindHold(found: Checkpoint | null, base: SnapshotRef, journal: string): Omit<Hold, 'since'> | null {
  const { rewind } = base;
  if (found === null || rewind === null || found.position.generation === 0) return null;
  if (found.position.generation >= rewind.generation) return null;
  const evidence = `${rewind.evidence} The destination stands at revision ${found.position.revision} of generation ${found.position.generation}.`;
  return { id: `${journal}/rewind/${rewind.generation}`, brake: 'rewound', evidence };
}

/** Facts are written by this class only; a text that is none counts as absent. */
function parse<T extends { readonly id: string }>(text: string | null): T | null {
  if (text === null) return null;
  try {
    const value = JSON.parse(text) as T;
    return typeof value.id === 'string' ? value : null;
  } catch {
    return null;
  }
}
