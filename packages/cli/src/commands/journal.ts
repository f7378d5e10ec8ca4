import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import type { JournalInfo } from '@tidemark/core';
import type { CommandContext } from './context.js';
import { formatBytes } from './table.js';

export async function journalInfoCommand(context: CommandContext): Promise<number> {
  const info = (await (await context.request('/v1/journal')).json()) as JournalInfo;
  context.print(infoToJson(info), () => describe(info));
  return 0;
}

function infoToJson(info: JournalInfo): object {
  const time = (ms: number) => new Date(ms).toISOString();
  return {
    ...info,
    first: info.first && { ...info.first, time: time(info.first.time) },
    last: info.last && { ...info.last, time: time(info.last.time) },
  };
}

function describe(info: JournalInfo): string {
  const at = (end: { position: { generation: number; revision: number }; time: number } | null) =>
    end === null
      ? 'none'
      : `revision ${end.position.revision}, generation ${end.position.generation}, ${new Date(end.time).toISOString()}`;
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

export async function journalCatCommand(context: CommandContext, options: CatOptions): Promise<number> {
  const query = new URLSearchParams(
    Object.entries(options).filter(([name]) => ['from', 'to', 'prefix'].includes(name)) as [string, string][],
  );
  const response = await context.request(`/v1/journal/records?${query.toString()}`);
  if (response.body === null) return 0;
  for await (const line of createInterface({ input: Readable.fromWeb(response.body) })) {
    process.stdout.write(`${context.json ? line : describeRecord(JSON.parse(line) as RecordLine)}\n`);
  }
  return 0;
}

interface RecordLine {
  readonly kind: string;
  readonly generation: number;
  readonly term: number;
  readonly previous: number;
  readonly revision: number;
  readonly time: string;
  readonly reason?: string;
  readonly entries?: readonly {
    readonly revision: number;
    readonly changes: readonly { readonly kind: string; readonly key: string | { readonly base64: string } }[];
  }[];
}

function describeRecord(record: RecordLine): string {
  const head = `${record.time} ${record.kind.padEnd(8)} ${record.generation}/${record.previous} -> ${record.revision} term ${record.term}${record.reason === undefined ? '' : ` ${record.reason}`}`;
  const changes = (record.entries ?? []).flatMap(({ revision, changes: each }) =>
    each.map(
      ({ kind, key }) => `  ${revision} ${kind.padEnd(6)} ${typeof key === 'string' ? key : `base64:${key.base64}`}`,
    ),
  );
  return [head, ...changes].join('\n');
}
