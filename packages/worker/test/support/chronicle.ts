import { entryDigest, FULL_KEYSPACE, type JournalWriter, type ResetReason, type Rewind } from '@tidemark/core';
import { MemoryStream } from '@tidemark/journal';
import { MemorySource, never } from '@tidemark/testing';
import { FaultyJournal } from './faulty-journal.js';

/** Journals a source as a leader would, whenever the test says so. */
export class Chronicle {
  readonly source = new MemorySource();
  readonly stream: MemoryStream;
  readonly journal: FaultyJournal;
  generation = 0;
  private journaled = 0;
  private term = 0;
  private writer: JournalWriter | null = null;

  constructor(stream = new MemoryStream()) {
    this.stream = stream;
    this.journal = new FaultyJournal(stream);
  }

  /** The source was rewound: history begins again, and destinations from before it are held. */
  async rewind(): Promise<void> {
    await this.reset('rewound', { generation: this.generation + 1, reason: 'rewound', evidence: 'a test' });
  }

  /** History begins again, with a snapshot of the source as it is. */
  async reset(reason: ResetReason = 'first_start', rewind: Rewind | null = null): Promise<void> {
    const writer = this.writer ?? (await this.takeOver());
    const revision = this.source.revision;
    const position = { generation: ++this.generation, revision };
    const { pages } = await this.source.read(FULL_KEYSPACE, revision, never);
    const snapshot = await this.journal.snapshots.put({ position, rewind }, pages, never);
    const anchor = { clusterId: '1', raftTerm: 2, revision, digest: null };
    await writer.append({ kind: 'reset', ...position, reason, evidence: 'a test', anchor, snapshot });
    this.journaled = revision;
  }

  /** Journals what the source has done since, so many revisions a record; `notBefore`: as a leader reads it from history. */
  async catchUp(perRecord = 3, notBefore: number | null = null): Promise<void> {
    const writer = this.writer ?? (await this.takeOver());
    while (this.journaled < this.source.revision) {
      const entries = this.source.history(this.journaled + 1, this.journaled + perRecord);
      const last = entries.at(-1);
      if (last === undefined) return;
      const { revision } = last;
      const anchor = { clusterId: '1', raftTerm: 2, revision, digest: entryDigest(last) };
      await writer.append({ kind: 'batch', generation: this.generation, revision, entries, notBefore, anchor });
      this.journaled = revision;
    }
  }

  /** A snapshot of the source as it was journaled, announced. */
  async snapshot(): Promise<void> {
    const writer = this.writer ?? (await this.takeOver());
    const position = { generation: this.generation, revision: this.journaled };
    const { pages } = await this.source.read(FULL_KEYSPACE, this.journaled, never);
    const snapshot = await this.journal.snapshots.put({ position, rewind: null }, pages, never);
    await writer.append({ kind: 'snapshot', ...position, snapshot });
  }

  /** A new leader, who goes on from the journal's end. */
  async takeOver(): Promise<JournalWriter> {
    const head = await this.journal.head(never);
    this.writer = await this.journal.takeOver(head, ++this.term, 'leader', never);
    this.journaled = head.last?.position.revision ?? 0;
    this.generation = head.last?.position.generation ?? this.generation;
    return this.writer;
  }
}
