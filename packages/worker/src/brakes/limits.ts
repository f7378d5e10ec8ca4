import type { BrakeName, BrakesConfig } from '@tidemark/core';
import { MAX_TRACKED_DELETES } from './delete-window.js';

/** A share is only looked at from so many keys on: of five keys, deleting one is no accident. */
const MIN_KEYS_FOR_SHARE = 100;

/** A limit that was exceeded, in words. */
export interface Exceeded {
  readonly brake: BrakeName;
  /** "1,204 keys would be deleted, 1,000 are allowed within 60 s" */
  readonly finding: string;
}

export type DeleteLimits = Pick<BrakesConfig, 'maxDeletes' | 'maxDeletePercent' | 'window'>;
export type BacklogLimits = Pick<BrakesConfig, 'maxBacklogAge' | 'maxBacklogChanges'>;

/** So few deletes are never too many, whatever the number of keys is; saves counting them. Infinity: no limit at all. */
export function harmlessDeletes({ maxDeletes, maxDeletePercent }: DeleteLimits): number {
  const byShare =
    maxDeletePercent === null ? Number.POSITIVE_INFINITY : Math.floor((maxDeletePercent / 100) * MIN_KEYS_FOR_SHARE);
  return Math.min(maxDeletes ?? Number.POSITIVE_INFINITY, byShare);
}

/** @param keys at the destination before the first of the deletes */
export function deletesExceed(deletes: number, keys: number, limits: DeleteLimits): Exceeded | null {
  const { maxDeletes, maxDeletePercent } = limits;
  if (maxDeletes === null && maxDeletePercent === null) return null;
  const found = `${number(deletes)} keys would be deleted`;
  if (maxDeletes !== null && deletes > maxDeletes) {
    return { brake: 'deletes', finding: `${found}, brakes.maxDeletes is ${number(maxDeletes)}` };
  }
  const share = (100 * deletes) / Math.max(keys, 1);
  if (maxDeletePercent !== null && keys >= MIN_KEYS_FOR_SHARE && share > maxDeletePercent) {
    const percent = `${share.toFixed(share < 10 ? 1 : 0)} % of ${number(keys)}`;
    return { brake: 'delete_percent', finding: `${found}, ${percent}; brakes.maxDeletePercent is ${maxDeletePercent}` };
  }
  if (deletes < MAX_TRACKED_DELETES) return null;
  // A brake that is off holds nothing, also here.
  const brake = maxDeletePercent === null ? 'deletes' : 'delete_percent';
  return { brake, finding: `${found} or more, and no more are counted` };
}

/** @param ageMs of the oldest change that waits, milliseconds */
export function backlogExceeds(changes: number, ageMs: number, limits: BacklogLimits): Exceeded | null {
  const { maxBacklogAge, maxBacklogChanges } = limits;
  if (changes === 0) return null;
  if (maxBacklogAge !== null && ageMs > maxBacklogAge) {
    const finding = `the oldest change that waits is ${seconds(ageMs)} old, brakes.maxBacklogAge is ${seconds(maxBacklogAge)}`;
    return { brake: 'backlog_age', finding };
  }
  if (maxBacklogChanges !== null && changes > maxBacklogChanges) {
    const finding = `${number(changes)} changes wait, brakes.maxBacklogChanges is ${number(maxBacklogChanges)}`;
    return { brake: 'backlog_changes', finding };
  }
  return null;
}

function number(count: number): string {
  return count.toLocaleString('en');
}

function seconds(ms: number): string {
  return `${Math.round(ms / 1000)} s`;
}
