import { type Change, type Entry, SourceGapError, SourceRewoundError, UnavailableError } from '@tidemark/core';
import type { RevisionRun, WatchResponse } from '../wire/responses.js';
import { RecentEntries } from './recent.js';

/**
 * Makes whole revisions out of the watch responses of one watcher over the full keyspace, or of several, each of which
 * begins at the last revision of the one before. Every revision of an etcd store changes at least one key, and only changes
 * make revisions. Revisions therefore arrive as consecutive integers, and a hole is a lost event.
 *
 * Pure. The unfinished revision of a broken stream is dropped with its assembler.
 */
export class RevisionAssembler {
  /** The newest revision that has begun to arrive; whole unless its response is a fragment. */
  private open: RevisionRun | null = null;
  private lastWhole: number | null = null;
  private lastProgress = 0;
  private readonly recent = new RecentEntries();

  constructor(private readonly startRevision: number) {}

  /** The last revision that was completed, null when there is none yet. */
  get last(): number | null {
    return this.lastWhole;
  }

  /** The next responses are another watcher's, which sends an unfinished revision again, whole. */
  nextWatcher(): void {
    this.open = null;
    this.lastProgress = 0;
  }

  /** Checks that a watcher that has ended delivered everything up to `revision`. @throws SourceGapError when it did not */
  assertReached(revision: number): void {
    if (this.last !== revision) throw gap(this.last ?? this.startRevision - 1, revision + 1);
  }

  /**
   * Appends the revisions that this response completes to `entries`.
   * @throws SourceGapError when a revision is missing
   * @throws SourceRewoundError when a revision comes again with another content
   * @throws UnavailableError when the stream cannot be trusted any more: open it again
   */
  accept(response: WatchResponse, entries: Entry[]): void {
    if (response.runs.length === 0 && !response.created) this.progress(response.headerRevision);
    for (const run of response.runs) {
      if (this.open === null) {
        this.open = run;
      } else if (this.open.revision === run.revision) {
        // Not push(...): a fragment can have more events than a call may have arguments.
        for (const change of run.changes) this.open.changes.push(change);
      } else {
        this.complete(this.open, entries);
        this.open = run;
      }
    }
    if (!response.fragment && this.open !== null) {
      const whole = this.open;
      this.open = null;
      this.complete(whole, entries);
    }
  }

  private complete(entry: Entry, entries: Entry[]): void {
    const { last } = this;
    if (last !== null && entry.revision <= last) {
      this.repeated(entry, last);
      return;
    }
    // Before 3.4.38 and 3.5.22 a watch on a future revision is also sent older events (etcd #19487).
    if (entry.revision < this.startRevision) return;
    if (last !== null && entry.revision !== last + 1) throw gap(last, entry.revision);
    this.lastWhole = entry.revision;
    this.recent.add(entry);
    entries.push(entry);
  }

  /**
   * A new watcher begins with the last revision; and a member that was caught up by a leader's snapshot sends old events
   * again (etcd #15271, before 3.4.25 and 3.5.8).
   */
  private repeated(entry: Entry, last: number): void {
    const delivered = this.recent.get(entry.revision);
    if (delivered === null) {
      throw untrusted(`revision ${entry.revision} came again after ${last}, too late to be compared`);
    }
    if (!sameChanges(delivered.changes, entry.changes) && !sameChanges(puts(delivered), entry.changes)) {
      throw new SourceRewoundError({
        message: `the source sent revision ${entry.revision} twice, with different content`,
        remedy: 'Check whether a member was restored from a backup while the cluster ran.',
      });
    }
  }

  /**
   * Progress never moves the position: before 3.4.25 and 3.5.8 its answer can overtake events (etcd #15220). A probe is
   * sent after a silence of seconds. When a second one is answered and events up to the first are still missing, they are
   * lost.
   */
  private progress(headerRevision: number): void {
    const { last, lastProgress } = this;
    this.lastProgress = headerRevision;
    if (last !== null && lastProgress > last) {
      throw untrusted(
        `the source says it has sent everything up to revision ${lastProgress}, but ${last} was the last`,
      );
    }
  }
}

/** The changes of a revision that remain when history is compacted up to and including it. */
function puts(entry: Entry): readonly Change[] {
  return entry.changes.filter(({ kind }) => kind === 'put');
}

function sameChanges(a: readonly Change[], b: readonly Change[]): boolean {
  return a.length === b.length && a.every((change, index) => sameChange(change, b[index]));
}

function sameChange(a: Change, b: Change | undefined): boolean {
  if (b === undefined || !a.key.equals(b.key)) return false;
  if (a.kind === 'delete' || b.kind === 'delete') return a.kind === b.kind;
  return a.version === b.version && a.createRevision === b.createRevision && a.value.equals(b.value);
}

function gap(last: number, next: number): SourceGapError {
  return new SourceGapError({
    message: `the source sent revision ${next} directly after ${last}: the revisions between them are lost`,
    remedy:
      'Nothing to do: the leader takes a new snapshot. Upgrade etcd if this repeats (fixed in 3.4.31 and 3.5.13, etcd #17529).',
  });
}

function untrusted(what: string): UnavailableError {
  return new UnavailableError({ message: what, remedy: 'Nothing to do: Tidemark opens the watch again.' });
}
