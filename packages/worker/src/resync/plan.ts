import { type DestinationReader, type Position, printableKey, type SourceReader } from '@tidemark/core';
import type { Difference } from '../compare/difference.js';
import { ListedKeys } from '../compare/listed-keys.js';
import { type DifferentKey, recheck } from '../compare/recheck.js';
import { type Comparison, differences } from '../compare/reconcile.js';
import { atCheckpoint, comparableCheckpoint } from '../compare/verify.js';
import type { Filter } from '../routes/filter.js';

/** Keys that a plan names of each kind; more are only counted. */
const LISTED_KEYS = 1000;

type Kind = Difference['kind'];

/** What a comparison would change at the destination. */
export interface Plan {
  /** Keys that should be there. */
  readonly compared: number;
  /** Will be put. */
  readonly missing: number;
  /** Will be put, over another value. */
  readonly different: number;
  /** Will be deleted. */
  readonly extra: number;
  /** The first keys of each kind. */
  readonly keys: readonly { readonly kind: Kind; readonly key: Buffer }[];
}

/** Which of these really differ, where a comparison alone does not show it. */
type Recheck = (suspects: readonly Difference[], signal: AbortSignal) => Promise<readonly DifferentKey[]>;

/** Compares and counts; nothing is written. */
export async function makePlan(
  comparison: Comparison,
  signal: AbortSignal,
  really: Recheck = async (suspects) => suspects,
): Promise<Plan> {
  const count = { compared: 0, missing: 0, different: 0, extra: 0 };
  const listed = {
    missing: new ListedKeys(LISTED_KEYS),
    different: new ListedKeys(LISTED_KEYS),
    extra: new ListedKeys(LISTED_KEYS),
  };
  const onCompared = (compared: number) => {
    count.compared += compared;
  };
  for await (const suspects of differences(comparison, signal, onCompared)) {
    for (const each of await really(suspects, signal)) {
      count[each.kind]++;
      listed[each.kind].add(each);
    }
  }
  return { ...count, keys: [listed.missing, listed.different, listed.extra].flatMap(({ keys }) => keys) };
}

/** Keys at the destination that are under the routes, before the plan is carried out. */
export function keysPresent({ compared, missing, extra }: Plan): number {
  return compared - missing + extra;
}

export function changesPlanned({ missing, different, extra }: Plan): number {
  return missing + different + extra;
}

/** "3 keys would appear, 1 would change, 2 would disappear (/conftool/a, /conftool/b)" */
export function describePlan(plan: Plan): string {
  const leaving = namesOf(plan, 'extra');
  return `${plan.missing} keys would appear, ${plan.different} would change, ${plan.extra} would disappear${leaving}.`;
}

/** Enough to recognise what it is about. */
const NAMED_KEYS = 3;

function namesOf({ keys }: Plan, kind: Kind): string {
  const names = keys.filter((item) => item.kind === kind).map(({ key }) => printableKey(key));
  if (names.length === 0) return '';
  return ` (${names.slice(0, NAMED_KEYS).join(', ')}${names.length > NAMED_KEYS ? ', ...' : ''})`;
}

/**
 * What a resync would change now: the destination at its checkpoint, compared with the source at that revision. Where the
 * destination cannot be read at one state, what is only in motion is left out: see `recheck`. Nothing is written to a
 * destination that is held or paused, and a lot may wait for it: it is compared with the source at `waitingUpTo`.
 * @throws CannotCompareError when it is at no position of its own, or the source no longer has that revision
 */
export async function planAgainstSource(
  source: SourceReader,
  {
    destination,
    filter,
    former,
    waitingUpTo = null,
  }: {
    readonly destination: DestinationReader;
    readonly filter: Filter;
    readonly former: Filter | null;
    readonly waitingUpTo?: Position | null;
  },
  signal: AbortSignal,
): Promise<Plan> {
  // Keys that only the former routes took are no route's: nothing is wanted there.
  const rechecking = { source, destination, routes: filter.routes, comparable: comparableCheckpoint };
  return await atCheckpoint(
    { source, destination, position: waitingUpTo },
    ({ copy, view, position: comparedAt }) => {
      const really: Recheck = (suspects, stop) => recheck(rechecking, { suspects, comparedAt }, stop);
      return makePlan(
        { copy, view, filter, former },
        signal,
        view.atOneState || waitingUpTo !== null ? undefined : really,
      );
    },
    signal,
  );
}
