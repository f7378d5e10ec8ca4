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
import { FaultySnapshots, never, Stall } from '@tidemark/testing';

/**
 * What goes wrong with one append:
 * - `fenced`: another writer takes the journal over right before it.
 * - `stored`: it is stored, and no answer comes.
 * - `not stored`: it never arrives, and no answer comes.
 */
export type AppendFault = 'fenced' | 'stored' | 'not stored';

interface DueFault {
  readonly kind: RecordDraft['kind'];
  /** Any unless given. */
  readonly revision?: number;
  readonly fault: AppendFault;
}

const REMEDY = 'None needed: a test asked for this.';

/** A journal in memory with the faults of a network between it and the leader. */
export class FaultyLeaderJournal implements Journal {
  /** True: nothing can be read or written. */
  down = false;
  /** Calls that failed because the journal was down. */
  refusals = 0;
  /** Faults that happened. */
  readonly faults: AppendFault[] = [];
  /** Answers to `info` so far. */
  infos = 0;
  readonly snapshots: FaultySnapshots;
  private readonly inner: MemoryJournal;
  private readonly due: DueFault[] = [];
  private appendStall: Stall | null = null;
  private meanwhile: () => Promise<void> = async () => undefined;

  constructor(readonly stream: MemoryStream) {
    this.inner = new MemoryJournal(stream);
    this.snapshots = new FaultySnapshots(this.inner.snapshots);
  }

  /** The next appends of records of this kind have this fault, so many of them. */
  failNext(kind: RecordDraft['kind'], fault: AppendFault, times = 1): void {
    for (let time = 0; time < times; time++) this.due.push({ kind, fault });
  }

  /** The next append of a record of this kind and revision has this fault. */
  failAt(kind: RecordDraft['kind'], revision: number, fault: AppendFault): void {
    this.due.push({ kind, revision, fault });
  }

  /** Appends are not sent, until the stall is released. */
  stallAppends(): Stall {
    this.appendStall = new Stall();
    return this.appendStall;
  }

  /** Something happens between each question for `info` and its answer. */
  beforeEachInfo(action: () => Promise<void>): void {
    this.meanwhile = action;
  }

  async open(signal: AbortSignal) {
    this.assertUp();
    await this.inner.open(signal);
  }

  async info(signal: AbortSignal) {
    this.assertUp();
    const answer = await this.inner.info(signal);
    await this.meanwhile();
    this.infos++;
    return answer;
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

  /** What the connection does with an append that is about to be sent. */
  async beforeSending(draft: RecordDraft): Promise<AppendFault | null> {
    await this.appendStall?.pass();
    this.assertUp();
    const isDue = ({ kind, revision = draft.revision }: DueFault) => kind === draft.kind && revision === draft.revision;
    const index = this.due.findIndex(isDue);
    const [due] = index < 0 ? [] : this.due.splice(index, 1);
    if (due === undefined) return null;
    this.faults.push(due.fault);
    return due.fault;
  }

  private assertUp(): void {
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
    private readonly journal: FaultyLeaderJournal,
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
    const fault = await journal.beforeSending(draft);
    if (fault === 'fenced') await journal.usurp();
    if (fault !== 'not stored') await this.inner.append(draft);
    if (fault === 'stored' || fault === 'not stored') {
      throw new AmbiguousWriteError({ message: 'No answer came.', remedy: REMEDY });
    }
  }
}
