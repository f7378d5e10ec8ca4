import {
  type Checkpoint,
  comparePositions,
  type Journal,
  type JournalHints,
  type JournalInfo,
  type Position,
  type SnapshotRef,
  type SnapshotWishes,
  sleep,
} from '@tidemark/core';
import { firstRecord } from './first-record.js';

/** Milliseconds between two looks for a snapshot to begin with; the first record of an empty journal is looked at sooner. */
const BASE_POLL_MS = 500;

export interface BaseSearch {
  /** Name of the destination. */
  readonly name: string;
  readonly journal: Journal;
  readonly hints: JournalHints;
  readonly wishes: SnapshotWishes;
  /** Milliseconds that changes wait before they are applied: so old a base is taken, where there is one. */
  readonly delayMs: number;
}

/**
 * The snapshot to begin with. Waits until there is one, and tells the leader that one is wanted; null when aborted
 * meanwhile. A journal that its leader has not taken over yet is not believed: it may be an older one that was put
 * back, and its content would take changes back.
 *
 * @param known where the destination stands in this journal, null when it does not
 */
export async function findBase(
  search: BaseSearch,
  known: Position | null,
  signal: AbortSignal,
): Promise<SnapshotRef | null> {
  const { name, journal, hints, wishes } = search;
  let wished = false;
  while (!signal.aborted) {
    const { info, current } = await look(journal, hints, signal);
    const base = current ? await newestUsable(search, { info, known }, signal) : null;
    if (base !== null) {
      if (wished) await wishes.withdraw(name, signal);
      return base;
    }
    if (!wished && current && info.last !== null) {
      await wishes.wish(name, known ?? info.last.position, signal);
      wished = true;
    }
    // Not at every record: a busy source writes hundreds a second, and each look costs several requests.
    await (info.last === null ? firstRecord(journal, BASE_POLL_MS, signal) : sleep(BASE_POLL_MS, signal));
  }
  return null;
}

/** The snapshot that would be begun with now, without waiting for one; null when there is none. */
export async function baseNow(
  search: BaseSearch,
  found: Checkpoint | null,
  signal: AbortSignal,
): Promise<SnapshotRef | null> {
  const { info, current } = await look(search.journal, search.hints, signal);
  if (!current) return null;
  return await newestUsable(search, { info, known: placeIn(info, found) }, signal);
}

/**
 * The journal, and whether its leader has taken it over. The hint is read first: it is written after the reset by which a
 * leader takes over an older journal, so a journal that is looked at later has that reset.
 */
async function look(
  journal: Journal,
  hints: JournalHints,
  signal: AbortSignal,
): Promise<{ readonly info: JournalInfo; readonly current: boolean }> {
  const hint = await hints.read(signal);
  const info = await journal.info(signal);
  return { info, current: hint === null || hint.journal === info.id };
}

/**
 * Where a destination stands in this journal, or is being brought to; null when its checkpoint is of another journal, or
 * it has none. While it is brought to a snapshot, its position may still be one of the journal before.
 */
export function placeIn(info: JournalInfo, found: Checkpoint | null): Position | null {
  if (found?.journal !== info.id) return null;
  return found.resync?.target ?? found.position;
}

/** The newest snapshot that has been announced, and that the journal leads on from, at `known` or behind it. */
async function newestUsable(
  { journal, delayMs }: BaseSearch,
  { info, known }: { info: JournalInfo; known: Position | null },
  signal: AbortSignal,
): Promise<SnapshotRef | null> {
  const { first, last } = info;
  if (first === null || last === null) return null;
  const oldest = { ...first.position, revision: first.previous };
  const from = known !== null && comparePositions(known, oldest) > 0 ? known : oldest;
  // One ahead of the journal's end belongs to a reset that is not written yet and may never be.
  const usable = (await journal.snapshots.list(signal))
    .filter(({ position }) => comparePositions(position, from) >= 0 && comparePositions(position, last.position) <= 0)
    .toSorted((a, b) => comparePositions(a.position, b.position));
  const due = usable.filter(({ createdAt }) => createdAt + delayMs <= Date.now());
  return due.at(-1) ?? usable[0] ?? null;
}
