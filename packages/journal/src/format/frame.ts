import { crc32 } from 'node:zlib';
import { JournalCorruptError, type JournalRecord } from '@tidemark/core';
import { encodeRecord } from './encode.js';
import type { RecordKind } from './record.js';

/**
 * The envelope of a record: message headers that a person can read with any NATS tool, and the payload, which is cut into
 * parts when it is larger than a message may be. The parts of a record are consecutive messages, and a record counts only
 * when all of them are stored.
 */
export interface Frame {
  readonly headers: FrameHeaders;
  readonly payload: Buffer;
}

export interface FrameHeaders {
  readonly kind: RecordKind;
  readonly generation: number;
  /** First and last revision that the record covers; equal in records that do not move the position. */
  readonly first: number;
  readonly last: number;
  readonly term: number;
  /** Index of this part, from 0, and how many the record has. */
  readonly part: number;
  readonly parts: number;
  /** CRC-32 (zlib's) of the whole payload, the same in every part. */
  readonly crc32: number;
}

/** Reserved in a message for its headers: about 200 bytes of ours, the expectations of a compare-and-set, and growth. */
export const HEADER_RESERVE_BYTES = 1024;

/** Bytes of a message besides its payload, near enough for limits: subject, our headers, the store's own frame. */
export const MESSAGE_OVERHEAD_BYTES = 256;

/** A record of more parts than this cannot come from etcd (its largest transaction is a few MiB); bounds a reader's memory. */
const MAX_PARTS = 4096;

/** `maxMessageBytes` bounds the payload of one message. */
export function frameRecord(record: JournalRecord, maxMessageBytes: number): Frame[] {
  const payload = encodeRecord(record);
  const parts = Math.max(1, Math.ceil(payload.length / maxMessageBytes));
  const common = {
    kind: record.kind,
    generation: record.generation,
    first: record.kind === 'batch' ? record.previous + 1 : record.revision,
    last: record.revision,
    term: record.term,
    parts,
    crc32: crc32(payload),
  };
  return Array.from({ length: parts }, (_, part) => ({
    headers: { ...common, part },
    payload: payload.subarray(part * maxMessageBytes, (part + 1) * maxMessageBytes),
  }));
}

/** Names and values of the headers. `Tidemark-Part` is present only when the record is split. */
export function headerLines(headers: FrameHeaders): [name: string, value: string][] {
  const lines: [string, string][] = [
    ['Tidemark-Kind', headers.kind],
    ['Tidemark-Generation', String(headers.generation)],
    ['Tidemark-First', String(headers.first)],
    ['Tidemark-Last', String(headers.last)],
    ['Tidemark-Term', String(headers.term)],
    ['Tidemark-Crc32', headers.crc32.toString(16).padStart(8, '0')],
  ];
  if (headers.parts > 1) lines.push(['Tidemark-Part', `${headers.part}/${headers.parts}`]);
  return lines;
}

/**
 * Headers of a message, by `get`, which returns '' for a missing one.
 * @throws JournalCorruptError when the message is not a journal message
 */
export function parseHeaders(get: (name: string) => string): FrameHeaders {
  const kind = RECORD_KINDS.find((candidate) => candidate === get('Tidemark-Kind'));
  const crc = /^[0-9a-f]{8}$/.exec(get('Tidemark-Crc32'))?.[0];
  if (kind === undefined || crc === undefined) throw notOurs('headers Tidemark-Kind or Tidemark-Crc32');
  const [part, parts] = parsePart(get('Tidemark-Part'));
  return {
    kind,
    generation: integer(get('Tidemark-Generation'), 'Tidemark-Generation'),
    first: integer(get('Tidemark-First'), 'Tidemark-First'),
    last: integer(get('Tidemark-Last'), 'Tidemark-Last'),
    term: integer(get('Tidemark-Term'), 'Tidemark-Term'),
    part,
    parts,
    crc32: Number.parseInt(crc, 16),
  };
}

const RECORD_KINDS: readonly RecordKind[] = ['term', 'batch', 'progress', 'reset', 'snapshot'];

function parsePart(text: string): [part: number, parts: number] {
  if (text === '') return [0, 1];
  const match = /^(\d+)\/(\d+)$/.exec(text);
  const part = Number(match?.[1]);
  const parts = Number(match?.[2]);
  if (match === null || part >= parts || parts > MAX_PARTS) throw notOurs('header Tidemark-Part');
  return [part, parts];
}

function integer(text: string, name: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value)) throw notOurs(`header ${name}`);
  return value;
}

function notOurs(what: string): JournalCorruptError {
  return new JournalCorruptError({
    message: `A message in the journal's stream has no valid ${what}.`,
    remedy: 'Find out what else publishes to the journal subject, and revoke that right.',
  });
}
