import {
  comparePositions,
  formatPosition,
  type JournalInfo,
  JournalPositionLostError,
  JournalReplacedError,
  type Position,
  type TidemarkError,
} from '@tidemark/core';

const REMEDY = 'Nothing to do: the leader takes the journal over again. Check the disks of the NATS servers.';

/**
 * Why the leader can no longer rely on the journal it writes, null when it can. Without this check only a failed append
 * would show that the journal was deleted or has lost acknowledged records: on a quiet source, leader and workers would
 * wait until the next revision.
 *
 * @param stored the position that was acknowledged before `info` was requested
 */
export function journalFault(info: JournalInfo, journal: string, stored: Position | null): TidemarkError | null {
  if (info.id !== journal) {
    const message = `The journal was replaced: its id was ${journal}, now it is ${info.id}.`;
    return new JournalReplacedError({ message, remedy: REMEDY });
  }
  const end = info.last?.position ?? null;
  if (stored === null || (end !== null && comparePositions(end, stored) >= 0)) return null;
  const where = end === null ? 'is empty' : `ends at ${formatPosition(end)}`;
  const message = `The journal ${where}, although it acknowledged ${formatPosition(stored)}.`;
  return new JournalPositionLostError({ message, remedy: REMEDY });
}
