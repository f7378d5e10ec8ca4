import { expect, it } from 'vitest';
import { orWhenDue } from '../src/index.js';

it('ticks while upstream is quiet and loses no item to a tick', async () => {
  let release: (value: string) => void = () => undefined;
  const late = new Promise<string>((resolve) => {
    release = resolve;
  });
  async function* upstream() {
    yield 'first';
    yield await late;
  }
  let due: number | null = null;
  const seen: (string | null)[] = [];
  for await (const item of orWhenDue(upstream(), () => due)) {
    seen.push(item);
    if (item === 'first') due = 1;
    if (item === null) {
      due = null;
      release('second');
    }
  }
  expect(seen).toEqual(['first', null, 'second']);
});
