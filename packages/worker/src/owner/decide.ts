import type { Checkpoint, JournalInfo, Pause, ResyncOrder } from '@tidemark/core';
import type { Passed } from '../brakes/changes-gate.js';
import type { CutOff, Memory } from './memory.js';

/** What the present attempt has found out and done so far. */
export interface Known {
  readonly info: JournalInfo;
  /** The checkpoint; no transaction in doubt can move it any more. */
  readonly checkpoint: Checkpoint | null;
  /** Whether a resync of this attempt has brought the destination here. */
  readonly resynced: boolean;
  /** What the brakes let through. Null before they were asked. */
  readonly passed: Passed | null;
}

/** Everything that decides what a worker does next. */
export interface Situation {
  readonly pause: Pause | null;
  readonly order: ResyncOrder | null;
  /** Fingerprint of the configured routes. */
  readonly filter: string;
  readonly memory: Pick<Memory, 'cutOff' | 'writesLost' | 'carriedOut'>;
  /** Null when an attempt begins. */
  readonly known: Known | null;
}

/** Why the journal alone does not bring the destination on. */
type ResyncReason =
  | 'ordered'
  | 'writes_lost'
  | CutOff
  | 'no_checkpoint'
  | 'interrupted'
  | 'other_routes'
  | 'other_journal';

export type Step =
  /** Nothing is written until the pause ends. */
  | { readonly kind: 'wait' }
  /** Read the journal's ends and the checkpoint. */
  | { readonly kind: 'look' }
  | {
      readonly kind: 'resync';
      readonly reason: ResyncReason;
      readonly order: ResyncOrder | null;
      readonly known: Known;
    }
  /** Ask the brakes about what waits. */
  | { readonly kind: 'pass'; readonly checkpoint: Checkpoint; readonly known: Known }
  | {
      readonly kind: 'follow';
      readonly checkpoint: Checkpoint;
      readonly passed: Passed;
      readonly known: Known;
    };

/** What a worker does next. Pure; a new rule is a line here. */
export function decide({ pause, order, filter, memory, known }: Situation): Step {
  if (pause !== null) return { kind: 'wait' };
  if (known === null) return { kind: 'look' };
  const { checkpoint, passed } = known;
  const resync = (reason: ResyncReason) => ({ kind: 'resync', reason, order: null, known }) as const;
  if (order !== null && order.id !== memory.carriedOut) return { ...resync('ordered'), order };
  if (memory.writesLost) return resync('writes_lost');
  if (memory.cutOff !== null) return resync(memory.cutOff);
  if (checkpoint === null) return resync('no_checkpoint');
  if (checkpoint.resync !== null) return resync('interrupted');
  if (checkpoint.filter !== filter) return resync('other_routes');
  if (checkpoint.journal !== known.info.id) return resync('other_journal');
  if (passed === null) return { kind: 'pass', checkpoint, known };
  return { kind: 'follow', checkpoint, passed, known };
}
