import {
  type Checkpoint,
  comparePositions,
  type JournalHints,
  type JournalInfo,
  type JournalReader,
  type Position,
  type SnapshotRef,
  type SnapshotRequests,
  sleep,
} from '@tidemark/core';
import { firstRecord } from './first-record.js';

/** Milliseconds between two looks for a snapshot to begin with; the first record of an empty journal is looked at sooner. */
const POLL_MS = 500;

export interface SnapshotSearch {
  /** Name of the destination. */
  readonly name: string;
  readonly journal: JournalReader;
  readonly hints: JournalHints;
  readonly requests: SnapshotRequests;
  /** Milliseconds that changes wait before they are applied: a snapshot at least this old is taken, where there is one. */
  readonly delayMs: number;
}

/**
 * The snapshot to begin with. Waits until there is one, and asks the leader for one; null when aborted
 * meanwhile. A journal that its leader has not taken over yet is not believed: it may be an older one that was put
 * back, and its content would take changes back.
 *
 * @param known the destination's position in this journal, null when it has none
 */
export async function findSnapshot(
  search: SnapshotSearch,
  known: Position | null,
  signal: AbortSignal,
): Promise<SnapshotRef | null> {
  const { name, journal, hints, requests } = search;
  let requested = false;
  while (!signal.aborted) {
    const { info, current } = await look(journal, hints, signal);
    const snapshot = current ? await newestUsable(search, { info, known }, signal) : null;
    if (snapshot !== null) {
      if (requested) await requests.withdraw(name, signal);
      return snapshot;
    }
    if (!requested && current && info.last !== null) {
      await requests.request(name, known ?? info.last.position, signal);
      requested = true;
    }
    // Not at every record: a busy source writes hundreds a second, and each look costs several requests.
    await (info.last === null ? firstRecord(journal, POLL_MS, signal) : sleep(POLL_MS, signal));
  }
  return null;
}

/** The snapshot that would be begun with now, without waiting for one; null when there is none. */
export async function snapshotNow(
  search: SnapshotSearch,
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
  journal: JournalReader,
  hints: JournalHints,
  signal: AbortSignal,
): Promise<{ readonly info: JournalInfo; readonly current: boolean }> {
  const hint = await hints.read(signal);
  const info = await journal.info(signal);
  return { info, current: hint === null || hint.journal === info.id };
}

/**
 * A destination's position in this journal, or the one that a resync brings it to; null when its checkpoint is of another
 * journal, or it has none. During a resync its position may still be one of the journal before.
 */
export function placeIn(info: JournalInfo, found: Checkpoint | null): Position | null {
  if (found?.journal !== info.id) return null;
  return found.resync?.target ?? found.position;
}

/** The newest snapshot that has been announced, and that the journal leads on from, at `known` or after it. */
async function newestUsable(
  { journal, delayMs }: SnapshotSearch,
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
