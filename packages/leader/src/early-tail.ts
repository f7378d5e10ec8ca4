import type { Entry } from '@tidemark/core';

type Entries = readonly Entry[];

/**
 * The source's tail, opened while the journal is still being taken over. etcd looks after a watcher that begins in the
 * past only ten times a second (mvcc's syncWatchersLoop), and each request of the take-over is a round trip: one after
 * the other they made most of a hand-over. Nothing of it is handed out before `follow` is called, so it is not believed
 * before the source's identity was compared, and not journaled by who does not hold the journal.
 */
export class EarlyTail {
  private readonly over = new AbortController();
  private readonly iterator: AsyncIterator<Entries>;
  /** What arrives first, or the error of opening: only that much is read ahead. */
  private readonly first: Promise<IteratorResult<Entries>>;

  constructor(open: (signal: AbortSignal) => AsyncIterable<Entries>) {
    this.iterator = open(this.over.signal)[Symbol.asyncIterator]();
    this.first = this.iterator.next();
    // It is handled where it is awaited, if that happens at all.
    this.first.catch(() => undefined);
  }

  /** The tail from its beginning, until `signal` aborts. Once. */
  async *follow(signal: AbortSignal): AsyncGenerator<Entries> {
    const stop = () => this.over.abort();
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    try {
      for (let next = await this.first; next.done !== true; next = await this.iterator.next()) yield next.value;
    } finally {
      signal.removeEventListener('abort', stop);
      await this.close();
    }
  }

  async close(): Promise<void> {
    this.over.abort();
    // What waits in `first` would keep the generator at its yield, and with it the watch that it has to close.
    await this.first.catch(() => undefined);
    await this.iterator.return?.();
  }
}
