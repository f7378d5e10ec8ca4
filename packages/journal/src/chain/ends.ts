import { FencedError, formatPosition, type JournalHead, type JournalInfo, type StoredRecord } from '@tidemark/core';
import { type JournalMessage, RecordAssembler } from '../format/assembler.js';
import { positionOf } from './chain.js';

/** A stream of journal messages, by sequence. Null: removed, or not stored yet. */
export interface MessageSource {
  message(sequence: number): Promise<JournalMessage | null>;
}

/** Which sequences a stream holds; without messages `firstSequence` has no meaning. */
export interface StreamBounds {
  readonly firstSequence: number;
  readonly lastSequence: number;
  readonly messages: number;
}

/**
 * The last whole record of the stream, or null when there is none. Parts after it are skipped: a leader left them
 * unfinished, or is still writing.
 */
export async function lastRecord(stream: MessageSource, state: StreamBounds): Promise<StoredRecord | null> {
  let sequence = state.lastSequence;
  while (state.messages > 0 && sequence >= state.firstSequence) {
    const message = await stream.message(sequence);
    if (message === null) return null;
    const { part, parts } = message.headers;
    if (part === parts - 1) return assemble(stream, sequence - part, sequence);
    sequence -= part + 1;
  }
  return null;
}

/** The first whole record of the stream, or null when there is none. */
async function firstRecord(stream: MessageSource, state: StreamBounds): Promise<StoredRecord | null> {
  return state.messages === 0 ? null : assemble(stream, state.firstSequence, state.lastSequence);
}

/** The first record that is whole between two sequences, inclusive; null when retention has taken a part of it. */
async function assemble(stream: MessageSource, first: number, last: number): Promise<StoredRecord | null> {
  const assembler = new RecordAssembler();
  for (let sequence = first; sequence <= last; sequence++) {
    const message = await stream.message(sequence);
    if (message === null) return null;
    const record = assembler.push(message);
    if (record !== null) return record;
  }
  return null;
}

/** The result of `Journal.head`. */
export async function readHead(stream: MessageSource, state: StreamBounds): Promise<JournalHead> {
  const last = await lastRecord(stream, state);
  if (last === null) return { sequence: state.lastSequence, last: null };
  const { term, anchor, time } = last.record;
  return { sequence: state.lastSequence, last: { position: positionOf(last.record), term, anchor, time } };
}

/** First and last record as in the result of `Journal.info`. */
export async function readEnds(
  stream: MessageSource,
  state: StreamBounds,
): Promise<Pick<JournalInfo, 'first' | 'last'>> {
  const ends = await Promise.all([firstRecord(stream, state), lastRecord(stream, state)]);
  const [first = null, last = null] = ends.map((stored) => stored?.record ?? null);
  return {
    first: first && { position: positionOf(first), previous: first.previous, time: first.time },
    last: last && { position: positionOf(last), term: last.term, time: last.time },
  };
}

/** @throws FencedError when the journal holds a later term */
export function assertNotOlder({ last }: JournalHead, term: number): void {
  if (last === null || last.term <= term) return;
  throw new FencedError({
    message: `The journal at ${formatPosition(last.position)} is written under term ${last.term}, later than ${term}.`,
    remedy: 'Nothing to do: another leader writes the journal.',
  });
}
