import { type Change, type Entry, SourceCompactedError, UnavailableError } from '@tidemark/core';
import type { Random } from '@tidemark/testing';
import type { RevisionRun, WatchResponse } from '../src/wire/responses.js';
import { created, frame, run } from './frames.js';

const REMEDY = 'None needed: a test asked for this.';

/** A member's history and its watchers: they send in random pieces, cut revisions in fragments, and can fail. */
export class FakeHistory {
  readonly entries: RevisionRun[] = [];
  /** Revisions before this one are compacted. */
  compacted = 0;
  /** Streams break before they have sent this revision, or some of what comes before it; null for none. */
  breaksAt: number | null = null;
  /** A revision that no watcher sends. */
  lost: number | null = null;
  /** Watchers. */
  openNow = 0;
  mostOpen = 0;
  opened = 0;

  constructor(
    private readonly random: Random,
    private readonly options: { readonly batch: number; readonly bytesPerChange: number },
  ) {}

  get head(): number {
    return 1 + this.entries.length;
  }

  grow(revisions: number): void {
    for (let count = 0; count < revisions; count++) {
      const revision = this.head + 1;
      const keys = Array.from({ length: 1 + this.random.below(4) }, (_, index) => `${revision}/${index}`);
      const { changes } = run(revision, ...keys);
      const mixed = changes.map(
        (change): Change => (this.random.chance(0.3) ? { kind: 'delete', key: change.key } : change),
      );
      this.entries.push({ revision, changes: mixed });
    }
  }

  readonly watch = (from: number, signal: AbortSignal): AsyncIterable<readonly WatchResponse[]> =>
    this.stream(from, signal);

  private async *stream(from: number, signal: AbortSignal): AsyncGenerator<readonly WatchResponse[]> {
    this.opened++;
    this.openNow++;
    this.mostOpen = Math.max(this.mostOpen, this.openNow);
    try {
      yield [created(this.head)];
      let next = from;
      while (!signal.aborted) {
        await new Promise((resolve) => setImmediate(resolve));
        if (this.random.chance(0.5)) continue;
        if (next < this.compacted) throw new SourceCompactedError({ message: 'compacted', remedy: REMEDY });
        const runs = this.entries.slice(Math.max(0, next - 2), Math.max(0, next - 2) + this.options.batch);
        const sent = this.fragments(runs.flatMap((entry) => this.kept(entry)));
        const broken = sent.some((response) => this.isBroken(response));
        if (broken) sent.splice(this.random.below(1 + sent.findIndex((response) => this.isBroken(response))));
        if (sent.length > 0) yield sent;
        if (broken) throw new UnavailableError({ message: 'the stream broke', remedy: REMEDY });
        next = Math.max(next, (runs.at(-1)?.revision ?? 0) + 1);
      }
    } finally {
      this.openNow--;
    }
  }

  /** A compaction takes the deletes of its own revision too, as in etcd before 3.5.20. */
  private kept({ revision, changes }: RevisionRun): RevisionRun[] {
    if (revision === this.lost) return [];
    const rest = revision === this.compacted ? changes.filter(({ kind }) => kind === 'put') : changes;
    return rest.length === 0 ? [] : [{ revision, changes: rest }];
  }

  private isBroken({ runs }: WatchResponse): boolean {
    return runs.some(({ revision }) => revision === this.breaksAt);
  }

  private fragments(runs: readonly RevisionRun[]): WatchResponse[] {
    const responses: WatchResponse[] = [];
    const changes = runs.flatMap(({ revision, changes }) => changes.map((change) => ({ revision, change })));
    for (let start = 0; start < changes.length; ) {
      const end = start + 1 + this.random.below(this.random.chance(0.5) ? 3 : changes.length);
      const piece: RevisionRun[] = [];
      for (const { revision, change } of changes.slice(start, end)) {
        const last = piece.at(-1);
        if (last?.revision === revision) last.changes.push(change);
        else piece.push({ revision, changes: [change] });
      }
      const bytes = this.options.bytesPerChange * Math.min(end - start, changes.length - start);
      responses.push(frame(piece, { headerRevision: this.head, fragment: end < changes.length, bytes }));
      start = end;
    }
    return responses;
  }
}

/** Revisions and keys, for comparing. */
export function outline(entries: readonly Entry[]): string[] {
  return entries.map(({ revision, changes }) => `${revision}: ${changes.map(({ key }) => key.toString()).join(' ')}`);
}
