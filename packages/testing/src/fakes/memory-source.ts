import {
  Bell,
  type Change,
  type Entry,
  type KeyRange,
  type KeyValue,
  NO_LEASE,
  type PagedRead,
  type Put,
  rangeContains,
  type Source,
  SourceCompactedError,
  SourceGapError,
  type SourceIdentity,
  UnavailableError,
} from '@tidemark/core';
import { Stall } from './stall.js';

/** A write to the source; a value of null deletes. */
export interface SourceWrite {
  readonly key: string;
  readonly value: string | null;
  readonly lease?: bigint;
}

export interface MemorySourceOptions {
  /** Keys per page of a read. */
  readonly pageKeys?: number;
  /** Entries handed out together by a tail; asked each time. */
  readonly burst?: () => number;
}

/** An empty etcd stands at revision 1. */
const FIRST_WRITE = 2;
const REMEDY = 'None needed: a test asked for this.';

/** An etcd cluster's history in memory, and the faults that tests need. */
export class MemorySource implements Source {
  clusterId = '1';
  raftTerm = 2;
  /** False: identity and reads fail, tails break. Call `cut` to break those that wait. */
  available = true;
  /** A revision the source's watch loses, each time it is due. */
  lost: number | null = null;
  /** Reads that failed because `failReads` said so. */
  failedReads = 0;
  /** Where tails were opened. */
  readonly opened: number[] = [];
  private entries: Entry[] = [];
  private compacted = 0;
  private cuts = 0;
  private failingReads = 0;
  private beforeRead: () => Promise<void> = async () => undefined;
  private afterRead: (() => Promise<void>) | null = null;
  private afterIdentity: () => void = () => undefined;
  private tailStall: Stall | null = null;
  private readonly skips = new Map<number, number>();
  private readonly change = new Bell();

  constructor(private readonly options: MemorySourceOptions = {}) {}

  get revision(): number {
    return 1 + this.entries.length;
  }

  put(key: string, value: string, lease = NO_LEASE): number {
    return this.txn([{ key, value, lease }]);
  }

  delete(key: string): number {
    return this.txn([{ key, value: null }]);
  }

  /** One transaction, one revision; each key at most once. Deletes of absent keys change nothing, as in etcd. */
  txn(writes: readonly SourceWrite[]): number {
    const live = this.live(this.revision);
    const revision = this.revision + 1;
    const changes = writes.flatMap((write) => toChange(write, live.get(write.key), revision));
    if (changes.length > 0) this.entries.push({ revision, changes });
    this.change.ring();
    return this.revision;
  }

  /** Everything that happened from one revision to another, both inclusive. */
  history(from = FIRST_WRITE, to = this.revision): Entry[] {
    return this.entries.slice(Math.max(0, from - FIRST_WRITE), Math.max(0, to - FIRST_WRITE + 1));
  }

  /** Live keys and values at a revision, a character for each byte. */
  content(revision = this.revision): Map<string, string> {
    return new Map([...this.live(revision)].map(([key, { value }]) => [key, value.toString('latin1')]));
  }

  /** Forgets history before `revision`; deletes at `revision` itself go too, as in etcd before 3.5.20. */
  compact(revision: number): void {
    this.compacted = revision;
  }

  /** Comes back from a backup taken at `revision`: what happened since never happened, its numbers are given again. */
  rewind(revision: number): void {
    this.entries = this.entries.slice(0, revision - 1);
    this.compacted = Math.min(this.compacted, revision);
    this.cut();
  }

  /** Breaks every open tail. */
  cut(): void {
    this.cuts++;
    this.change.ring();
  }

  /** The next reads fail, so many of them. */
  failReads(times: number): void {
    this.failingReads = times;
  }

  /** Something happens before each read. */
  beforeEachRead(action: () => Promise<void>): void {
    this.beforeRead = action;
  }

  /** Something happens between the next read and its answer. */
  afterNextRead(action: () => Promise<void>): void {
    this.afterRead = action;
  }

  /** Something happens between each question for the identity and its answer. */
  afterEachIdentity(action: () => void): void {
    this.afterIdentity = action;
  }

  /** Tails hand out nothing, until the stall is released. */
  stallTails(): Stall {
    this.tailStall = new Stall();
    return this.tailStall;
  }

  /** A tail from one revision begins at another one, and says nothing of it: the numbers were raised by a restore. */
  skip(from: number, to: number): void {
    this.skips.set(from, to);
  }

  async identity(signal: AbortSignal): Promise<SourceIdentity> {
    this.assertReachable(signal);
    const identity = { clusterId: this.clusterId, revision: this.revision, raftTerm: this.raftTerm };
    this.afterIdentity();
    return identity;
  }

  async compactedRevision(signal: AbortSignal): Promise<number> {
    this.assertReachable(signal);
    return this.compacted;
  }

  async read(range: KeyRange, revision: number | undefined, signal: AbortSignal): Promise<PagedRead> {
    if (this.failingReads > 0) {
      this.failingReads--;
      this.failedReads++;
      throw unavailable('The source is busy.');
    }
    await this.beforeRead();
    this.assertReachable(signal);
    const at = revision ?? this.revision;
    if (at > this.revision) throw unavailable(`Revision ${at} is in the future.`);
    const answer = { revision: at, pages: this.pages(range, at, signal) };
    const action = this.afterRead;
    this.afterRead = null;
    await action?.();
    return answer;
  }

  async *tail(startRevision: number, signal: AbortSignal): AsyncGenerator<readonly Entry[]> {
    const start = this.skips.get(startRevision) ?? startRevision;
    this.opened.push(start);
    const cuts = this.cuts;
    let next = Math.max(FIRST_WRITE, start);
    while (!signal.aborted) {
      await this.tailStall?.pass();
      if (signal.aborted) return;
      if (this.cuts !== cuts || !this.available) throw unavailable('The stream broke.');
      if (next < this.compacted) throw compacted(next, this.compacted);
      const due = this.due(next);
      const last = due.at(-1);
      if (last === undefined) {
        await this.change.wait(signal);
        continue;
      }
      next = last.revision + 1;
      const kept = due.flatMap((entry) => this.kept(entry));
      if (kept.length > 0) yield kept;
    }
  }

  async close(): Promise<void> {
    // Nothing to close.
  }

  /** What a tail hands out next; empty at the end of history. @throws SourceGapError */
  private due(next: number): Entry[] {
    const burst = this.options.burst?.() ?? this.revision;
    const entries = this.history(next, Math.min(this.revision, next + burst - 1));
    const lost = entries.findIndex(({ revision }) => revision === this.lost);
    if (lost !== 0) return lost > 0 ? entries.slice(0, lost) : entries;
    throw new SourceGapError({ message: `Revision ${this.lost} did not come.`, remedy: REMEDY });
  }

  /** What compaction leaves of a revision. */
  private kept(entry: Entry): Entry[] {
    if (entry.revision > this.compacted) return [entry];
    const changes = entry.changes.filter(({ kind }) => kind === 'put');
    return changes.length === 0 ? [] : [{ revision: entry.revision, changes }];
  }

  private async *pages(range: KeyRange, at: number, signal: AbortSignal): AsyncGenerator<readonly KeyValue[]> {
    const size = this.options.pageKeys ?? 100;
    const items = [...this.live(at).values()]
      .filter(({ key }) => rangeContains(range, key))
      .sort((a, b) => Buffer.compare(a.key, b.key));
    for (let start = 0; start < items.length; start += size) {
      this.assertReachable(signal);
      if (at < this.compacted) throw compacted(at, this.compacted);
      yield items.slice(start, start + size);
    }
  }

  private live(revision: number): Map<string, KeyValue> {
    const live = new Map<string, KeyValue>();
    for (const { revision: modRevision, changes } of this.history(FIRST_WRITE, revision)) {
      for (const change of changes) {
        const name = change.key.toString('latin1');
        if (change.kind === 'delete') live.delete(name);
        else live.set(name, keyValue(change, modRevision));
      }
    }
    return live;
  }

  private assertReachable(signal: AbortSignal): void {
    signal.throwIfAborted();
    if (!this.available) throw unavailable('The source is down.');
  }
}

function toChange({ key, value, lease }: SourceWrite, before: KeyValue | undefined, revision: number): Change[] {
  const name = Buffer.from(key, 'latin1');
  if (value === null) return before === undefined ? [] : [{ kind: 'delete', key: name }];
  return [
    {
      kind: 'put',
      key: name,
      value: Buffer.from(value, 'latin1'),
      createRevision: before?.createRevision ?? revision,
      version: (before?.version ?? 0) + 1,
      lease: lease ?? NO_LEASE,
    },
  ];
}

function keyValue({ key, value, createRevision, version, lease }: Put, modRevision: number): KeyValue {
  return { key, value, createRevision, modRevision, version, lease };
}

function unavailable(message: string): UnavailableError {
  return new UnavailableError({ message, remedy: REMEDY });
}

function compacted(revision: number, at: number): SourceCompactedError {
  return new SourceCompactedError({ message: `Revision ${revision} is compacted, up to ${at}.`, remedy: REMEDY });
}
