import type { BrakesConfig } from '@tidemark/core';
import type { BootstrapTask } from '../bootstrap.js';
import { changesPlanned, describePlan, keysPresent, type Plan } from '../plan.js';
import type { Filter } from '../routes.js';
import { type DueHold, rewindHold } from './hold.js';
import { backlogExceeds, deletesExceed } from './limits.js';

/** What a destination must not be brought to without approval; null when it may. Pure. */
export function baseHold(
  task: BootstrapTask,
  plan: Plan | null,
  {
    filter,
    brakes,
    ordered,
  }: { filter: Filter; brakes: BrakesConfig /** By a person, who saw the plan. */; ordered: boolean },
): DueHold | null {
  const { from, snapshot, journal } = task;
  const planned = plan === null ? 'It is empty.' : describePlan(plan);
  const rewound = rewindHold(from, snapshot, journal);
  if (rewound !== null) return { ...rewound, evidence: `${rewound.evidence} ${planned}` };
  if (plan === null || changesPlanned(plan) === 0) return null;
  const id = `${journal}/base/${snapshot.id}/${filter.fingerprint}`;
  if (from !== null && from.filter !== filter.fingerprint && !ordered) {
    const unknown = task.former === null ? ' What only the old routes took is not known, and stays.' : '';
    return { id, brake: 'filter', evidence: `The routes have changed: ${planned}${unknown}`, upTo: null };
  }
  const waiting = from === null ? 0 : changesPlanned(plan);
  const exceeded = deletesExceed(plan.extra, keysPresent(plan), brakes) ?? backlogExceeds(waiting, 0, brakes);
  if (exceeded === null) return null;
  const evidence = `Against snapshot ${snapshot.id}: ${exceeded.finding}. ${planned}`;
  return { id, brake: exceeded.brake, evidence, upTo: null };
}
