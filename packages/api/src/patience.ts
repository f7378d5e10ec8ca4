/** Aborts a signal when something takes longer than `ms` milliseconds; what lies between two of them does not count. */
export class Patience {
  private readonly controller = new AbortController();

  constructor(private readonly ms: number) {}

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  async during<T>(work: () => Promise<T>): Promise<T> {
    const timer = setTimeout(() => this.controller.abort(), this.ms);
    try {
      return await work();
    } finally {
      clearTimeout(timer);
    }
  }

  /** What a body consists of, each piece in time. */
  async *pieces<T>(body: AsyncIterable<T>): AsyncGenerator<T> {
    const reader = body[Symbol.asyncIterator]();
    try {
      for (;;) {
        const { done, value } = await this.during(() => reader.next());
        if (done) return;
        yield value;
      }
    } finally {
      await reader.return?.();
    }
  }
}
