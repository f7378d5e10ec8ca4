import type { PipelineStatus, PlacedDestination } from '@tidemark/api';
import colors from 'picocolors';
import { formatAge, formatBytes, formatTable, secondsSince } from '../status/format.js';
import type { CommandContext } from './context.js';

export async function statusCommand(context: CommandContext): Promise<number> {
  const status = await context.client.call('status');
  context.print('status', status, () => describe(status));
  return 0;
}

function describe(status: PipelineStatus): string {
  const { leader, source, journal } = status;
  const lines = [
    `pipeline  ${status.pipeline}`,
    `leader    ${leader ? `${leader.node}, term ${leader.term}, for ${formatAge(secondsSince(leader.since))}` : 'none: an election is running, or no node has the role leader'}`,
    `source    revision ${source.revision ?? 'unknown'}${source.headroomRevisions === null ? '' : `, headroom ${source.headroomRevisions} revisions`}`,
    `journal   ${journal ? `revision ${journal.revision ?? 'none'}, generation ${journal.generation ?? 'none'}, ${formatBytes(journal.bytes)}` : 'not reachable'}`,
    ...(journal?.deviations ?? []).map((deviation) => problem(`          ! ${deviation}`)),
    '',
    formatTable([
      ['NODE', 'ADDRESS', 'ROLES', 'READY'],
      ...status.nodes.map((node) => [node.id, node.listen, node.roles.join(','), node.ready ? 'yes' : 'no']),
    ]),
    ...status.nodes.flatMap((node) => node.problems.map((reason) => problem(`  ! ${node.id}: ${reason}`))),
    '',
    formatTable([
      ['DESTINATION', 'KIND', 'STATE', 'OWNER', 'REVISION', 'LAG', 'HEADROOM', 'SINCE'],
      ...status.destinations.map((destination) => [
        destination.name,
        destination.kind,
        destination.state,
        ownerCell(destination),
        String(destination.revision),
        `${destination.lagRevisions} rev, ${formatAge(destination.lagSeconds)}`,
        destination.headroomSeconds === null ? '-' : formatAge(destination.headroomSeconds),
        formatAge(secondsSince(destination.since)),
      ]),
    ]),
    ...status.destinations.flatMap(({ name, reason, deviations }) =>
      [...(reason === null ? [] : [reason]), ...deviations].map((sentence) => problem(`  ! ${name}: ${sentence}`)),
    ),
  ];
  return lines.join('\n');
}

/** Names the preferred owner too where it is another node: the destination will move there. */
function ownerCell({ owner, preferredOwner }: PlacedDestination): string {
  const preferred = preferredOwner === null || preferredOwner === owner ? '' : ` (preferred: ${preferredOwner})`;
  return `${owner ?? '-'}${preferred}`;
}

/** Plain where standard output is no terminal, with --no-color, and with NO_COLOR set. */
function problem(text: string): string {
  return colors.yellow(text);
}
