import {
  AmbiguousWriteError,
  type Journal,
  type JournalHead,
  type JournalWriter,
  type ReadFrom,
  type RecordDraft,
  UnavailableError,
} from '@tidemark/core';
import { MemoryJournal, type MemoryStream } from '@tidemark/journal';
import { never } from '@tidemark/testing';

/**
 * What goes wrong with one append:
 * - `fenced`: another writer takes the journal over right before it.
 * - `stored`: it is stored, and no answer comes.
 * - `not stored`: it never arrives, and no answer comes.
 */
export type AppendFault = 'fenced' | 'stored' | 'not stored';

const REMEDY = 'None needed: a test asked for this.';

/** A journal in memory with the faults of a network between it and the leader. */
export class FaultyJournal implements Journal {
  /** True: nothing can be read or written. */
  down = false;
  /** Calls that failed because the journal was down. */
  refusals = 0;
  /** Faults that happened. */
  readonly faults: AppendFault[] = [];
  /** Asked before each append of a leader. */
  faultFor: (draft: RecordDraft) => AppendFault | null = () => null;
  /** Awaited before an append is sent. */
  beforeSending: () => Promise<void> | undefined = () => undefined;
  private readonly inner: MemoryJournal;

  constructor(readonly stream: MemoryStream) {
    this.inner = new MemoryJournal(stream);
  }

  get snapshots() {
    return this.inner.snapshots;
  }

  async open(signal: AbortSignal) {
    this.assertUp();
    await this.inner.open(signal);
  }

  async info(signal: AbortSignal) {
    this.assertUp();
    return await this.inner.info(signal);
  }

  async head(signal: AbortSignal) {
    this.assertUp();
    return await this.inner.head(signal);
  }

  async takeOver(head: JournalHead, term: number, node: string, signal: AbortSignal): Promise<JournalWriter> {
    this.assertUp();
    return new FaultyWriter(this, await this.inner.takeOver(head, term, node, signal));
  }

  read(from: ReadFrom, signal: AbortSignal) {
    return this.inner.read(from, signal);
  }

  async close(): Promise<void> {
    // Nothing to close.
  }

  /** Another node takes over, under the next term, and writes nothing else. */
  async usurp(): Promise<void> {
    const head = await this.inner.head(never);
    await this.inner.takeOver(head, (head.last?.term ?? 0) + 1, 'usurper', never);
  }

  assertUp(): void {
    if (!this.down) return;
    this.refusals++;
    throw new UnavailableError({ message: 'The journal is down.', remedy: REMEDY });
  }
}

/** One append at a time, in call order; after the first failure each one fails. */
class FaultyWriter implements JournalWriter {
  private before: Promise<void> = Promise.resolve();
  private at: JournalWriter['position'];

  constructor(
    private readonly journal: FaultyJournal,
    private readonly inner: JournalWriter,
  ) {
    this.at = inner.position;
  }

  get position() {
    return this.at;
  }

  get batchBytes() {
    return this.inner.batchBytes;
  }

  append(draft: RecordDraft): Promise<void> {
    this.at = { generation: draft.generation, revision: draft.revision };
    const appended = this.before.then(() => this.send(draft));
    this.before = appended;
    return appended;
  }

  private async send(draft: RecordDraft): Promise<void> {
    const { journal } = this;
    await new Promise(setImmediate);
    await journal.beforeSending();
    journal.assertUp();
    const fault = journal.faultFor(draft);
    if (fault !== null) journal.faults.push(fault);
    if (fault === 'fenced') await journal.usurp();
    if (fault !== 'not stored') await this.inner.append(draft);
    if (fault === 'stored' || fault === 'not stored') {
      throw new AmbiguousWriteError({ message: 'No answer came.', remedy: REMEDY });
    }
  }
}
