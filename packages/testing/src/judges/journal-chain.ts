import type { RawMessage } from './raw-journal.js';

/** What is wrong with a journal, as sentences; empty when it is one chain. */
export interface ChainVerdict {
  readonly violations: readonly string[];
  readonly messages: number;
  /** Records by kind. */
  readonly kinds: Readonly<Record<string, number>>;
  /** Terms in the order they appear. */
  readonly terms: readonly number[];
}

/**
 * The journal's guarantee, checked over its headers and knowing nothing of traffic or faults: stream sequences without
 * a hole; terms never go back; within a generation each record begins where the one before ended; a reset raises the
 * generation; a record in parts is whole, or abandoned by a new term.
 */
export function checkChain(messages: readonly RawMessage[]): ChainVerdict {
  const violations: string[] = [];
  const kinds: Record<string, number> = {};
  const terms: number[] = [];
  let before: ChainPoint | null = null;
  for (const [index, message] of messages.entries()) {
    const record = readHeaders(message);
    const problems = [...orderProblems(record, before), ...partProblems(record, messages[index + 1])];
    const complete = record.part === record.parts - 1;
    if (complete) {
      problems.push(...chainProblems(record, before));
      kinds[record.kind] = (kinds[record.kind] ?? 0) + 1;
    }
    violations.push(...problems.map((problem) => `message ${record.sequence} (${record.kind}): ${problem}`));
    if (terms.at(-1) !== record.term) terms.push(record.term);
    before = pointAfter(record, complete ? null : before);
  }
  return { violations, messages: messages.length, kinds, terms };
}

/** Where the journal is after a message; a part that is not the last one moves nothing. */
function pointAfter({ sequence, term, generation, last }: RecordHeaders, unmoved: ChainPoint | null): ChainPoint {
  const at = unmoved ?? { generation, revision: last };
  return { generation: at.generation, revision: at.revision, sequence, term };
}

interface ChainPoint {
  readonly sequence: number;
  readonly generation: number;
  readonly revision: number;
  readonly term: number;
}

interface RecordHeaders {
  readonly sequence: number;
  readonly kind: string;
  readonly generation: number;
  readonly first: number;
  readonly last: number;
  readonly term: number;
  readonly part: number;
  readonly parts: number;
}

function orderProblems(record: RecordHeaders, before: ChainPoint | null): string[] {
  if (before === null) return [];
  return [
    ...(record.sequence === before.sequence + 1 ? [] : [`follows message ${before.sequence}`]),
    ...(record.term >= before.term ? [] : [`term ${record.term} after term ${before.term}`]),
  ];
}

/** A record that is cut off must be abandoned by the term record of a new leader. */
function partProblems({ part, parts }: RecordHeaders, next: RawMessage | undefined): string[] {
  if (part === parts - 1 || next === undefined) return [];
  const follower = readHeaders(next);
  if (follower.part === part + 1 && follower.parts === parts) return [];
  return follower.kind === 'term' ? [] : ['is cut off, and no new term follows'];
}

function chainProblems(record: RecordHeaders, before: ChainPoint | null): string[] {
  if (before === null) return record.kind === 'reset' ? [] : ['a journal begins with a reset'];
  if (record.kind === 'reset') return record.generation > before.generation ? [] : ['a reset raises the generation'];
  if (record.generation !== before.generation)
    return [`generation ${record.generation} after ${before.generation} without a reset`];
  if (record.kind === 'batch')
    return record.first === before.revision + 1 ? [] : [`begins at revision ${record.first} after ${before.revision}`];
  return record.last === before.revision ? [] : [`stands at revision ${record.last} after ${before.revision}`];
}

function readHeaders({ sequence, headers }: RawMessage): RecordHeaders {
  const number = (name: string) => Number(headers.get(`Tidemark-${name}`));
  const [part = 0, parts = 1] = (headers.get('Tidemark-Part') ?? '0/1').split('/').map(Number);
  return {
    sequence,
    kind: headers.get('Tidemark-Kind') ?? 'unknown',
    generation: number('Generation'),
    first: number('First'),
    last: number('Last'),
    term: number('Term'),
    part,
    parts,
  };
}
