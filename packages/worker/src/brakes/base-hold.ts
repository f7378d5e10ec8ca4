import type { BrakesConfig } from '@tidemark/core';
import type { BootstrapTask } from '../base/bootstrap.js';
import { changesPlanned, describePlan, keysPresent, type Plan } from '../base/plan.js';
import type { Filter } from '../routes.js';
import { baseId, type DueHold, rewindHold } from './hold.js';
import { backlogExceeds, deletesExceed } from './limits.js';

/** What a destination must not be brought to without approval; null when it may. Pure. */
export function baseHold(
  task: BootstrapTask,
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
  const id = baseId(`${journal}/base/${snapshot.id}/${filter.fingerprint}`, deletes);
  if (from !== null && from.filter !== filter.fingerprint && !ordered) {
    const unknown = task.former === null ? ' What only the old routes took is not known, and stays.' : '';
    return { id, brake: 'filter', evidence: `The routes have changed: ${planned}${unknown}`, upTo: null, deletes };
  }
  // What has never arrived anywhere has no backlog, also when its first bootstrap was interrupted.
  const waiting = from === null || from.position.generation === 0 ? 0 : changesPlanned(plan);
  const exceeded = deletesExceed(deletes, keysPresent(plan), brakes) ?? backlogExceeds(waiting, ageMs, brakes);
  if (exceeded === null) return null;
  const evidence = `Against snapshot ${snapshot.id}: ${exceeded.finding}. ${planned}`;
  return { id, brake: exceeded.brake, evidence, upTo: null, deletes };
}
