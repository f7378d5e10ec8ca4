import type { KeyValue } from '@tidemark/core';
import { WireReader } from './reader.js';
import { NO_HEADER, RangeTag, type ResponseHeader, readHeader, readKeyValue } from './responses.js';

/**
 * Keys that are decoded together. Decoding a whole page at once took a fifth longer: its objects outlive V8's young
 * generation and have to be moved out of it.
 */
const SLICE_KEYS = 512;

/** The answer to a range request for many keys. The keys are decoded when `slices` is read. */
export interface RangePage {
  readonly header: ResponseHeader;
  readonly more: boolean;
  /** Keys in this page. */
  readonly keys: number;
  /** Null when the page is empty. */
  readonly lastKey: Buffer | null;
  /** Size on the wire. */
  readonly bytes: number;
  /** The keys, a few hundred at a time. They are views of the answer. */
  slices(): Generator<KeyValue[]>;
}

/** Skips over the keys, so that the next page can be requested while the keys of this one are used. */
export function decodeRangePage(buffer: Buffer): RangePage {
  const reader = new WireReader(buffer, 0, buffer.length);
  let header = NO_HEADER;
  let more = false;
  let keys = 0;
  let last = 0;
  while (!reader.done) {
    const at = reader.offset;
    const tag = reader.tag();
    if (tag === RangeTag.kvs) {
      keys++;
      last = at;
      reader.skip(tag);
    } else if (tag === RangeTag.header) header = readHeader(reader);
    else if (tag === RangeTag.more) more = reader.bool();
    else reader.skip(tag);
  }
  const lastKey = keys === 0 ? null : firstKeyFrom(buffer, last);
  return { header, more, keys, lastKey, bytes: buffer.length, slices: () => slices(buffer) };
}

function firstKeyFrom(buffer: Buffer, start: number): Buffer {
  const reader = new WireReader(buffer, start, buffer.length);
  reader.tag();
  return readKeyValue(reader).key;
}

function* slices(buffer: Buffer): Generator<KeyValue[]> {
  const reader = new WireReader(buffer, 0, buffer.length);
  let slice: KeyValue[] = [];
  while (!reader.done) {
    const tag = reader.tag();
    if (tag === RangeTag.kvs) slice.push(readKeyValue(reader));
    else reader.skip(tag);
    if (slice.length < SLICE_KEYS) continue;
    yield slice;
    slice = [];
  }
  if (slice.length > 0) yield slice;
}
