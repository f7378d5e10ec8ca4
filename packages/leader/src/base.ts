import {
  FULL_KEYSPACE,
  type Journal,
  type JournalWriter,
  type Logger,
  type ResetReason,
  type Source,
} from '@tidemark/core';
import type { Journaled } from './overlap.js';
import type { ReservedKeys } from './reserved.js';

export interface BaseOptions {
  readonly source: Source;
  readonly journal: Journal;
  readonly reserved: ReservedKeys;
  readonly logger: Logger;
}

/** Why history begins anew, and what was seen. */
export interface ResetCause {
  readonly reason: ResetReason;
  readonly evidence: string;
}

/**
 * Begins a new generation: a complete snapshot of the source, then the reset record that names it. In this order: a crash
 * in between leaves a snapshot nobody names, the other order would leave a reset without content.
 *
 * @returns where the journal stands now
 */
export async function beginGeneration(
  options: BaseOptions,
  writer: JournalWriter,
  cause: ResetCause,
  signal: AbortSignal,
): Promise<Journaled> {
  const { source, journal, reserved, logger } = options;
  const generation = (await lastGeneration(journal, writer, signal)) + 1;
  const { clusterId, raftTerm } = await source.identity(signal);
  const read = await source.read(FULL_KEYSPACE, undefined, signal);
  const position = { generation, revision: read.revision };
  const snapshot = await journal.snapshots.put(position, reserved.stripPages(read.pages), signal);
  const anchor = { clusterId, raftTerm, revision: read.revision, digest: null };
  await writer.append({ kind: 'reset', ...position, ...cause, anchor, snapshot });
  logger.info(
    { ...position, ...cause, keys: snapshot.keys, bytes: snapshot.bytes },
    'history begins with a new snapshot',
  );
  return { revision: read.revision, anchor };
}

/** A journal whose records have all aged out does not remember its generation; its snapshots do. */
async function lastGeneration(journal: Journal, writer: JournalWriter, signal: AbortSignal): Promise<number> {
  const snapshots = await journal.snapshots.list(signal);
  return Math.max(writer.position?.generation ?? 0, ...snapshots.map(({ position }) => position.generation));
}

/**
 * Stores a snapshot of the journal's present position and announces it, then removes snapshots that the journal can no
 * longer extend. The newest one always stays.
 */
export async function takeSnapshot(options: BaseOptions, writer: JournalWriter, signal: AbortSignal): Promise<void> {
  const { source, journal, reserved, logger } = options;
  const at = writer.position;
  if (at === null) return;
  const read = await source.read(FULL_KEYSPACE, at.revision, signal);
  const snapshot = await journal.snapshots.put(at, reserved.stripPages(read.pages), signal);
  const now = writer.position;
  if (now === null || now.generation !== at.generation) return;
  await writer.append({ kind: 'snapshot', ...now, snapshot });
  logger.info({ ...at, keys: snapshot.keys, bytes: snapshot.bytes }, 'snapshot stored');
  await removeUnreachable(journal, signal);
}

async function removeUnreachable(journal: Journal, signal: AbortSignal): Promise<void> {
  const { first } = await journal.info(signal);
  const snapshots = await journal.snapshots.list(signal);
  const older = snapshots.slice(0, -1);
  for (const { id, position } of older) {
    const reachable =
      first === null ||
      position.generation > first.position.generation ||
      (position.generation === first.position.generation && position.revision >= first.previous);
    if (!reachable) await journal.snapshots.remove(id, signal);
  }
}
