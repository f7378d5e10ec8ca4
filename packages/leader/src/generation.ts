import {
  comparePositions,
  FULL_KEYSPACE,
  InvariantError,
  type Journal,
  type Journaled,
  type JournalInfo,
  type JournalWriter,
  type Logger,
  type ReservedKeys,
  type ResetReason,
  type Rewind,
  type SnapshotRef,
  type Source,
} from '@tidemark/core';

export interface GenerationOptions {
  readonly source: Source;
  readonly journal: Journal;
  readonly reserved: ReservedKeys;
  readonly logger: Logger;
}

/** Why history begins again, and what was seen. */
export interface ResetCause {
  readonly reason: ResetReason;
  readonly evidence: string;
}

/**
 * Begins a new generation: stores a complete snapshot of the source, then appends the reset record that names it. A crash
 * in between leaves an unused snapshot; the opposite order would leave a reset without content.
 *
 * @param known the highest generation that is known from elsewhere; the new one is above it
 * @returns the position that the journal has reached
 */
export async function beginGeneration(
  options: GenerationOptions,
  writer: JournalWriter,
  { cause, knownGeneration }: { cause: ResetCause; knownGeneration: number },
  signal: AbortSignal,
): Promise<Journaled> {
  const { source, journal, reserved, logger } = options;
  const snapshots = await journal.snapshots.list(signal);
  // The snapshots keep the generation of a journal whose records have all aged out.
  const generations = snapshots.map(({ position }) => position.generation);
  const generation = Math.max(knownGeneration, writer.position?.generation ?? 0, ...generations) + 1;
  const rewind = rewindOf(cause, generation) ?? lastRewind(snapshots);

  const { clusterId, raftTerm } = await source.identity(signal);
  const read = await source.read(FULL_KEYSPACE, undefined, signal);
  const position = { generation, revision: read.revision };
  const snapshot = await journal.snapshots.put({ position, rewind }, reserved.stripPages(read.pages), signal);
  const anchor = { clusterId, raftTerm, revision: read.revision, digest: null };
  await writer.append({ kind: 'reset', ...position, ...cause, anchor, snapshot });
  logger.info(
    { ...position, ...cause, keys: snapshot.keys, bytes: snapshot.bytes },
    'history begins with a new snapshot',
  );
  return { revision: read.revision, anchor };
}

/**
 * Stores a snapshot of the journal's present position and announces it, then removes snapshots that the journal can no
 * longer extend. The newest one always stays.
 * @throws InvariantError when the journal has not begun, or a new generation begins meanwhile
 */
export async function takeSnapshot(
  options: GenerationOptions,
  writer: JournalWriter,
  signal: AbortSignal,
): Promise<SnapshotRef> {
  const { source, journal, reserved, logger } = options;
  const at = writer.position;
  if (at === null) throw new InvariantError('a journal that has not begun has nothing to take a snapshot of');
  const rewind = lastRewind(await journal.snapshots.list(signal));
  const read = await source.read(FULL_KEYSPACE, at.revision, signal);
  const snapshot = await journal.snapshots.put({ position: at, rewind }, reserved.stripPages(read.pages), signal);
  const now = writer.position;
  if (now?.generation !== at.generation) throw new InvariantError('a new generation began while a snapshot was taken');
  await writer.append({ kind: 'snapshot', ...now, snapshot });
  logger.info({ ...at, keys: snapshot.keys, bytes: snapshot.bytes }, 'snapshot stored');
  await removeUnreachable(journal, signal);
  return snapshot;
}

function rewindOf({ reason, evidence }: ResetCause, generation: number): Rewind | null {
  return reason === 'rewound' || reason === 'foreign_source' ? { generation, reason, evidence } : null;
}

function lastRewind(snapshots: readonly SnapshotRef[]): Rewind | null {
  const rewinds = snapshots.flatMap(({ rewind }) => rewind ?? []);
  return rewinds.toSorted((a, b) => a.generation - b.generation).at(-1) ?? null;
}

async function removeUnreachable(journal: Journal, signal: AbortSignal): Promise<void> {
  const { first } = await journal.info(signal);
  if (first === null) return;
  const snapshots = await journal.snapshots.list(signal);
  for (const snapshot of snapshots.slice(0, -1)) {
    if (!isExtended(snapshot, first)) await journal.snapshots.remove(snapshot.id, signal);
  }
}

/** Whether a journal whose oldest record is `first` continues from the snapshot. */
export function isExtended({ position }: SnapshotRef, first: NonNullable<JournalInfo['first']>): boolean {
  return comparePositions(position, { ...first.position, revision: first.previous }) >= 0;
}
