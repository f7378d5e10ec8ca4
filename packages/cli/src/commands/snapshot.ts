import type { Output, Snapshot } from '@tidemark/api';
import { formatBytes, formatTable } from '../status/format.js';
import type { CommandContext } from './context.js';

export async function snapshotListCommand(context: CommandContext): Promise<number> {
  const snapshots = (await context.client.call('snapshots')).map(toOutput);
  context.print('snapshot list', snapshots, () => describe(snapshots));
  return 0;
}

export async function snapshotCreateCommand(context: CommandContext): Promise<number> {
  const snapshot = toOutput(await context.client.call('createSnapshot'));
  context.print('snapshot create', snapshot, () => describe([snapshot]));
  return 0;
}

function toOutput(snapshot: Snapshot): Output<'snapshot create'> {
  return { ...snapshot, createdAt: new Date(snapshot.createdAt).toISOString() };
}

function describe(snapshots: Output<'snapshot list'>): string {
  if (snapshots.length === 0) return 'No snapshot is stored.';
  const rows = snapshots.map(({ id, position, keys, bytes, createdAt }) => [
    id,
    String(position.generation),
    String(position.revision),
    String(keys),
    formatBytes(bytes),
    createdAt,
  ]);
  return formatTable([['SNAPSHOT', 'GENERATION', 'REVISION', 'KEYS', 'SIZE', 'CREATED'], ...rows]);
}
