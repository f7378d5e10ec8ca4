import {
  type Entry,
  entryBytes,
  entryDigest,
  gather,
  type JournalWriter,
  type Leadership,
  type ReservedKeys,
  type SourceIdentity,
} from '@tidemark/core';
import type { LeaderObserver } from './observer.js';

/**
 * Appends in flight at once: one is on the wire (the journal's writer sends one at a time), the other is encoded and
 * waits. More would keep batches small, because a batch only grows while all slots are taken.
 */
const APPENDS_IN_FLIGHT = 2;
/** Bytes of entries that may wait in memory before reading from the source stops: sixteen of the largest batches. */
const QUEUED_BYTES = 8 * 1024 * 1024;

export interface PumpOptions {
  /** Opens the stream of entries that follow the writer's position. */
  readonly tail: (signal: AbortSignal) => AsyncIterable<readonly Entry[]>;
  readonly writer: JournalWriter;
  readonly generation: number;
  /** How old the entry at a revision may be; null when it is journaled as it happens: see `BatchRecord.notBefore`. */
  readonly notBefore: (revision: number) => number | null;
  /** The source the tail reads from; each record names it. */
  readonly identity: Pick<SourceIdentity, 'clusterId' | 'raftTerm'>;
  readonly reserved: ReservedKeys;
  readonly leadership: Pick<Leadership, 'assertHeld'>;
  readonly observer: LeaderObserver;
}

/**
 * Moves entries from the source into the journal until the tail ends or something fails. No append is in flight any more
 * when it returns or throws.
 */
export async function pump(options: PumpOptions): Promise<void> {
  const { writer, generation, reserved, leadership, observer } = options;
  const { clusterId, raftTerm } = options.identity;
  const appends = new InFlight(APPENDS_IN_FLIGHT);
  const groups = gather((signal) => options.tail(AbortSignal.any([signal, appends.failed])), {
    maxGroupBytes: writer.batchBytes,
    maxQueuedBytes: QUEUED_BYTES,
    itemsOf: (entries) => entries,
    sizeOf: entryBytes,
  });
  try {
    for await (const { items: entries } of groups) {
      await appends.slot();
      const [first, last] = [entries[0], entries[entries.length - 1]];
      if (first === undefined || last === undefined || appends.failed.aborted) break;
      leadership.assertHeld();
      const appended = writer.append({
        kind: 'batch',
        generation,
        revision: last.revision,
        notBefore: options.notBefore(first.revision),
        entries: entries.map((entry) => reserved.strip(entry)),
        anchor: { clusterId, raftTerm, revision: last.revision, digest: entryDigest(last) },
      });
      // Reported after the append is on its way: the report must not delay it.
      observer.received(last.revision);
      appends.add(appended.then(() => observer.journaled({ generation, revision: last.revision })));
    }
  } finally {
    await appends.drained();
  }
  appends.throwIfFailed();
}

/** A bounded number of appends in flight. The first failure aborts `failed`. */
class InFlight {
  private readonly controller = new AbortController();
  private readonly pending = new Set<Promise<void>>();
  readonly failed = this.controller.signal;

  constructor(private readonly limit: number) {}

  add(work: Promise<void>): void {
    const handled = work
      .catch((error: unknown) => this.controller.abort(error))
      .finally(() => this.pending.delete(handled));
    this.pending.add(handled);
  }

  /** Resolves when another append may begin. */
  async slot(): Promise<void> {
    while (this.pending.size >= this.limit) await Promise.race(this.pending);
  }

  async drained(): Promise<void> {
    await Promise.all(this.pending);
  }

  throwIfFailed(): void {
    if (this.failed.aborted) throw this.failed.reason;
  }
}
