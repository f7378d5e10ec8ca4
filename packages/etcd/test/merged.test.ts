import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { merged } from '../src/store/merged.js';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

async function* of<T>(...items: readonly T[]): AsyncGenerator<T> {
  yield* items;
}

async function* quiet(): AsyncGenerator<never> {
  await new Promise(() => undefined);
  yield* [];
}

describe('merged iterables', () => {
  it('yield everything that comes before the first one ends, each in its order', async () => {
    const found: string[] = [];
    for await (const item of merged([quiet(), of('a', 'b', 'c'), quiet()])) found.push(item);
    expect(found).toEqual(['a', 'b', 'c']);
  });

  it('fail with the first that fails', async () => {
    async function* failing(): AsyncGenerator<string> {
      yield 'before';
      throw new Error('broken');
    }
    const found: string[] = [];
    const reading = (async () => {
      for await (const item of merged([quiet(), failing()])) found.push(item);
    })();
    await expect(reading).rejects.toThrow('broken');
    expect(found).toEqual(['before']);
  });

  it('keep nothing of what a busy one has yielded while another one is quiet', async () => {
    const yielded: WeakRef<object>[] = [];
    async function* busy(): AsyncGenerator<object> {
      for (let index = 0; index < 1000; index++) {
        const item = { bytes: Buffer.alloc(1024) };
        yielded.push(new WeakRef(item));
        yield item;
      }
      await new Promise(() => undefined);
    }
    const reading = merged<object>([quiet(), busy()]);
    for (let read = 0; read < 1000; read++) await reading.next();
    await new Promise(setImmediate);
    collectGarbage();
    expect(yielded.filter((item) => item.deref() !== undefined).length).toBeLessThan(10);
  });
});
