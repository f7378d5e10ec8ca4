import type { SnapshotRef } from '@tidemark/core';
import type { CommandContext } from './context.js';
import { formatBytes, formatTable } from './table.js';

export async function snapshotListCommand(context: CommandContext): Promise<number> {
  const snapshots = (await (await context.request('/v1/snapshots')).json()) as SnapshotRef[];
  context.print(snapshots.map(toJson), () => describe(snapshots));
  return 0;
}

export async function snapshotCreateCommand(context: CommandContext): Promise<number> {
  const snapshot = (await (await context.request('/v1/snapshots', { method: 'POST' })).json()) as SnapshotRef;
  context.print(toJson(snapshot), () => describe([snapshot]));
  return 0;
}

function toJson(snapshot: SnapshotRef): object {
  return { ...snapshot, createdAt: new Date(snapshot.createdAt).toISOString() };
}

function describe(snapshots: readonly SnapshotRef[]): string {
  if (snapshots.length === 0) return 'No snapshot is stored.';
  const rows = snapshots.map(({ id, position, keys, bytes, createdAt }) => [
    id,
    String(position.generation),
    String(position.revision),
    String(keys),
    formatBytes(bytes),
    new Date(createdAt).toISOString(),
  ]);
  return formatTable([['SNAPSHOT', 'GENERATION', 'REVISION', 'KEYS', 'SIZE', 'CREATED'], ...rows]);
}
