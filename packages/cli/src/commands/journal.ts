import { formatJsonBytes, type Output, parseRecordLine, type RecordLine } from '@tidemark/api';
import { UsageError } from '../base/errors.js';
import { printPart } from '../base/output.js';
import { formatBytes } from '../status/format.js';
import type { CommandContext } from './context.js';

type Info = Output<'journal info'>;

export async function journalInfoCommand(context: CommandContext): Promise<number> {
  const { first, last, ...info } = await context.client.call('journalInfo');
  const output = { ...info, first: first && withTime(first), last: last && withTime(last) };
  context.print('journal info', output, () => describe(output));
  return 0;
}

function withTime<E extends { readonly time: number }>(end: E): Omit<E, 'time'> & { time: string } {
  return { ...end, time: new Date(end.time).toISOString() };
}

function describe(info: Info): string {
  const at = (end: Pick<NonNullable<Info['first']>, 'position' | 'time'> | null) =>
    end === null ? 'none' : `revision ${end.position.revision}, generation ${end.position.generation}, ${end.time}`;
  return [
    `id        ${info.id}`,
    `messages  ${info.firstSequence} to ${info.lastSequence}, ${formatBytes(info.bytes)}`,
    `oldest    ${at(info.first)}`,
    `newest    ${at(info.last)}${info.last ? `, term ${info.last.term}` : ''}`,
    ...info.deviations.map((deviation) => `! ${deviation}`),
  ].join('\n');
}

export interface CatOptions {
  readonly from?: string;
  readonly to?: string;
  readonly prefix?: string;
}

export async function journalCatCommand(context: CommandContext, { from, to, prefix }: CatOptions): Promise<number> {
  const query = { from: revisionOf('--from', from), to: revisionOf('--to', to), prefix };
  for await (const line of context.client.lines('records', { query })) {
    await printPart(`${context.json ? line : describeRecord(parseRecordLine(line))}\n`);
  }
  return 0;
}

/** @throws UsageError */
function revisionOf(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d+$/.test(text) && Number.isSafeInteger(Number(text))) return Number(text);
  throw new UsageError({ message: `${option} ${text} is not a revision.`, remedy: 'Use a number such as 4711.' });
}

function describeRecord(record: RecordLine): string {
  const reason = record.kind === 'reset' ? ` ${record.reason}` : '';
  const head = `${record.time} ${record.kind.padEnd(8)} ${record.generation}/${record.previous} -> ${record.revision} term ${record.term}${reason}`;
  const changes = (record.kind === 'batch' ? record.entries : []).flatMap(({ revision, changes: each }) =>
    each.map(({ kind, key }) => `  ${revision} ${kind.padEnd(6)} ${formatJsonBytes(key)}`),
  );
  return [head, ...changes].join('\n');
}
