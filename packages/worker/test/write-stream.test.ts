import type { Write } from '@tidemark/core';
import { expect, it } from 'vitest';
import { WriteStream } from '../src/resync/write-stream.js';

function put(index: number): Write {
  return { kind: 'put', key: Buffer.from(String(index)), value: Buffer.from('x') };
}

it('begins with small transactions, and keeps to the limit of the destination', async () => {
  const sizes: number[] = [];
  const stream = new WriteStream({ maxWrites: 1500, maxBytes: 1024 * 1024 }, async (writes) => {
    sizes.push(writes.length);
  });
  for (let index = 0; index < 4000; index++) await stream.write(put(index));
  await stream.end();
  expect(sizes).toEqual([512, 1024, 1500, 964]);
});
