import { readFile } from 'node:fs/promises';
import { InvariantError, JournalCorruptError, type KeyValue } from '@tidemark/core';
import fc from 'fast-check';
import protobuf from 'protobufjs';
import { expect, it } from 'vitest';
import { decodeSnapshotPart, encodedBytes, SnapshotPartWriter } from '../src/format/snapshot-part.js';
import { anyKeyValue } from './arbitraries.js';

const parts = fc.array(anyKeyValue, { maxLength: 20 });

function encode(kvs: readonly KeyValue[]): Buffer {
  const writer = new SnapshotPartWriter(kvs.reduce((sum, kv) => sum + encodedBytes(kv), 0));
  for (const kv of kvs) writer.add(kv);
  return writer.finish();
}

it('gives back what was encoded, in exactly the bytes that were foretold', () => {
  fc.assert(
    fc.property(parts, (kvs) => {
      const payload = encode(kvs);
      expect(payload).toHaveLength(kvs.reduce((sum, kv) => sum + encodedBytes(kv), 0));
      expect([...decodeSnapshotPart(payload)].flat()).toEqual(kvs);
    }),
  );
});

it('decodes in slices', () => {
  const some = { createRevision: 1, modRevision: 2, version: 3, lease: 0n, value: Buffer.from('v') };
  const kvs = Array.from({ length: 2_000 }, (_, index) => ({ ...some, key: Buffer.from(String(index)) }));
  const slices = [...decodeSnapshotPart(encode(kvs))];
  expect(slices.length).toBeGreaterThan(1);
  expect(slices.flat()).toEqual(kvs);
});

it('writes what a reader with the published .proto understands', async () => {
  const path = new URL('../proto/tidemark/journal/v1/journal.proto', import.meta.url);
  const published = protobuf.parse(await readFile(path, 'utf8')).root.lookupType('tidemark.journal.v1.SnapshotPart');
  // protobufjs's reflection reads 64-bit integers as doubles.
  const safe = fc.array(fc.record({ kv: anyKeyValue, lease: fc.maxSafeNat().map(BigInt) }), { maxLength: 10 });
  fc.assert(
    fc.property(safe, (given) => {
      const kvs = given.map(({ kv, lease }) => ({ ...kv, lease }));
      const options = { longs: Number, bytes: Buffer, arrays: true, defaults: true };
      const seen = published.toObject(published.decode(encode(kvs)), options);
      expect(seen['kvs']).toEqual(kvs.map((kv) => ({ ...kv, lease: Number(kv.lease) })));
    }),
  );
});

it('refuses a key that does not fit, and answers damage with an error of its own', () => {
  const kv = {
    key: Buffer.from('k'),
    value: Buffer.from('v'),
    createRevision: 1,
    modRevision: 2,
    version: 3,
    lease: 0n,
  };
  const writer = new SnapshotPartWriter(encodedBytes(kv));
  expect(writer.fits(encodedBytes(kv))).toBe(true);
  writer.add(kv);
  expect(writer.fits(1)).toBe(false);
  expect(() => writer.add(kv)).toThrow(InvariantError);
  const payload = writer.finish();
  for (let length = 1; length < payload.length; length++) {
    expect(() => [...decodeSnapshotPart(payload.subarray(0, length))]).toThrow(JournalCorruptError);
  }
});
