import type { BrakesConfig } from '@tidemark/core';
import { type DueHold, resyncId, rewindHold } from '../brakes/hold.js';
import { backlogExceeds, deletesExceed } from '../brakes/limits.js';
import type { Filter } from '../routes/filter.js';
import type { ResyncTask } from './apply-snapshot.js';
import { changesPlanned, describePlan, keysPresent, type Plan } from './plan.js';

/** What a destination must not be brought to without approval; null when it may. Pure. */
export function resyncHold(
  task: ResyncTask,
  plan: Plan | null,
  {
    filter,
    brakes,
    ordered,
    ageMs,
  }: {
    readonly filter: Filter;
    readonly brakes: BrakesConfig;
    /** By a person, who saw the plan. */
    readonly ordered: boolean;
    /** Of the oldest change that the destination lacks, milliseconds; 0 when it is not known. */
    readonly ageMs: number;
  },
): DueHold | null {
  const { from, snapshot, journal } = task;
  const planned = plan === null ? 'It is empty.' : describePlan(plan);
  const deletes = plan?.extra ?? 0;
  const rewound = rewindHold(from, snapshot, { journal, deletes });
  if (rewound !== null) return { ...rewound, evidence: `${rewound.evidence} ${planned}` };
  if (plan === null || changesPlanned(plan) === 0) return null;
  const id = resyncId(`${journal}/resync/${snapshot.id}/${filter.fingerprint}`, deletes);
  if (from !== null && from.filter !== filter.fingerprint && !ordered) {
    const unknown = task.former === null ? ' Which keys only the old routes took is not known: those stay.' : '';
    return { id, brake: 'filter', evidence: `The routes have changed: ${planned}${unknown}`, upTo: null, deletes };
  }
  // A destination that was never at a position has no backlog, also when its first resync was interrupted.
  const waiting = from === null || from.position.generation === 0 ? 0 : changesPlanned(plan);
  const count = { deletes, all: true };
  const exceeded = deletesExceed(count, keysPresent(plan), brakes) ?? backlogExceeds(waiting, ageMs, brakes);
  if (exceeded === null) return null;
  const evidence = `Against snapshot ${snapshot.id}: ${exceeded.finding}. ${planned}`;
  return { id, brake: exceeded.brake, evidence, upTo: null, deletes };
}
