/**
 * Yields what upstream yields, and null each time `dueInMs` milliseconds have passed without an item. `dueInMs` is asked
 * before each wait; null means: nothing is due. One pending read is kept across ticks, so that no item is lost.
 *
 * `open` starts the upstream; its signal aborts when the consumer leaves the loop, and the upstream must then end by
 * itself: who leaves after a tick leaves a read behind that on a quiet stream would never return.
 */
export async function* orWhenDue<T>(
  open: (signal: AbortSignal) => AsyncIterable<T>,
  dueInMs: () => number | null,
): AsyncGenerator<T | null> {
  const leaving = new AbortController();
  const iterator = open(leaving.signal)[Symbol.asyncIterator]();
  let pending: Promise<IteratorResult<T>> | null = null;
  let ended = false;
  try {
    while (true) {
      pending ??= iterator.next();
      const due = dueInMs();
      const result = due === null ? await pending : await withTimeout(pending, due);
      if (result === null) {
        yield null;
        continue;
      }
      pending = null;
      if (result.done === true) {
        ended = true;
        return;
      }
      yield result.value;
    }
  } finally {
    leaving.abort();
    if (!ended) await iterator.return?.();
  }
}

async function withTimeout<T>(promise: Promise<T>, ms: number): Promise<T | null> {
  let timer: NodeJS.Timeout | undefined;
  const due = new Promise<null>((resolve) => {
    timer = setTimeout(resolve, Math.max(0, ms), null);
  });
  try {
    return await Promise.race([promise, due]);
  } finally {
    clearTimeout(timer);
  }
}
