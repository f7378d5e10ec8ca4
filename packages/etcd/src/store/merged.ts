import { Bell } from '@tidemark/core';

/**
 * Merges iterables: yields their items as they come, reads one item of each ahead, and ends with the first that ends or
 * fails. Their own signal ends the others. Promise.race would add a reaction to each pending promise at every turn: beside
 * a busy iterable, a quiet one would keep everything alive that the busy one ever yielded.
 */
export async function* merged<T>(iterables: readonly AsyncIterable<T>[]): AsyncGenerator<T> {
  const arrived: (() => Promise<IteratorResult<T>>)[] = [];
  const bell = new Bell();
  const arrive = (take: () => Promise<IteratorResult<T>>) => {
    arrived.push(take);
    bell.ring();
  };
  const ask = (iterator: AsyncIterator<T>) => {
    iterator.next().then(
      (result) => {
        arrive(async () => {
          if (result.done !== true) ask(iterator);
          return result;
        });
      },
      (error: unknown) => arrive(() => Promise.reject(error)),
    );
  };
  for (const iterable of iterables) ask(iterable[Symbol.asyncIterator]());
  while (iterables.length > 0) {
    const take = arrived.shift();
    if (take === undefined) {
      await bell.wait();
      continue;
    }
    const result = await take();
    if (result.done === true) return;
    yield result.value;
  }
}
