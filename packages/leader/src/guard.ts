import {
  comparePositions,
  formatPosition,
  type JournalInfo,
  JournalPositionLostError,
  JournalReplacedError,
  type Position,
  type TidemarkError,
} from '@tidemark/core';

const REMEDY =
  'None needed: the leader takes the journal over again from its end. Look at the disks of the NATS servers.';

/**
 * Why the leader can no longer rely on the journal it writes, null when it can. Only an append would tell otherwise: the
 * leader of a quiet source would wait for the next revision, with workers that wait for it, before a journal that was
 * deleted or has lost what was acknowledged.
 *
 * @param stored where the journal stood before `info` was asked for
 */
export function journalFault(info: JournalInfo, journal: string, stored: Position | null): TidemarkError | null {
  if (info.id !== journal) {
    const message = `The journal was replaced: its id was ${journal}, now it is ${info.id}.`;
    return new JournalReplacedError({ message, remedy: REMEDY });
  }
  const end = info.last?.position ?? null;
  if (stored === null || (end !== null && comparePositions(end, stored) >= 0)) return null;
  const where = end === null ? 'is empty' : `ends at ${formatPosition(end)}`;
  const message = `The journal ${where}, and had acknowledged everything up to ${formatPosition(stored)}.`;
  return new JournalPositionLostError({ message, remedy: REMEDY });
}
