import { expect, it } from 'vitest';
import { aborted, orWhenDue } from '../src/index.js';

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
  for await (const item of orWhenDue(upstream, () => due)) {
    seen.push(item);
    if (item === 'first') due = 1;
    if (item === null) {
      due = null;
      release('second');
    }
  }
  expect(seen).toEqual(['first', null, 'second']);
});

it('lets its consumer leave at a tick although upstream is quiet', async () => {
  async function* quiet(signal: AbortSignal) {
    await aborted(signal);
    yield* [];
  }
  for await (const item of orWhenDue(quiet, () => 1)) {
    expect(item).toBeNull();
    break;
  }
});
