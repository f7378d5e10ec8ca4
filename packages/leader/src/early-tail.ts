import type { Entry } from '@tidemark/core';

type Entries = readonly Entry[];

/**
 * The source's tail, opened while the journal is being taken over: a hand-over is shorter when both run at once. etcd
 * serves a watcher that begins in the past only ten times a second (mvcc's syncWatchersLoop), and each request of the
 * take-over is a round trip.
 *
 * `follow` is the only way to the entries. It is called after the leader has taken the journal over and compared the
 * source's identity, so no entry is trusted or journaled before that.
 */
export class EarlyTail {
  private readonly over = new AbortController();
  private readonly iterator: AsyncIterator<Entries>;
  /** The first entries, or the error of opening. Nothing else is read ahead. */
  private readonly first: Promise<IteratorResult<Entries>>;

  constructor(open: (signal: AbortSignal) => AsyncIterable<Entries>) {
    this.iterator = open(this.over.signal)[Symbol.asyncIterator]();
    this.first = this.iterator.next();
    // `follow` and `close` await it; until then Node would report the rejection as unhandled.
    this.first.catch(() => undefined);
  }

  /** The tail from its beginning, until `signal` aborts. Call it once. */
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
    // The generator closes its watch only when it leaves its pending `next`; `return` would wait for that.
    await this.first.catch(() => undefined);
    await this.iterator.return?.();
  }
}
