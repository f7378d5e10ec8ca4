import {
  type Entry,
  type JournalRecord,
  type KeyRange,
  type Position,
  ReservedKeys,
  type SnapshotRef,
  silentLogger,
} from '@tidemark/core';
import { MemoryJournal, MemoryStream } from '@tidemark/journal';
import { MemoryFacts, type MemorySource, never, until } from '@tidemark/testing';
import { type LeaderObserver, type LeaderOptions, runLeader, SnapshotQueue, SourceSightings } from '../../src/index.js';
import { FaultyLeaderJournal } from './faulty-leader-journal.js';
import { ScriptedElector } from './scripted-elector.js';

const A_DAY_MS = 86_400_000;

export interface NodeOptions extends Partial<Pick<LeaderOptions, 'snapshotEveryMs' | 'progressEveryMs' | 'node'>> {
  readonly reserved?: readonly KeyRange[];
}

/** What the nodes of one pipeline share. */
export class Shared {
  readonly stream: MemoryStream;
  readonly facts = new MemoryFacts();

  constructor(
    readonly source: MemorySource,
    stream = new MemoryStream(),
  ) {
    this.stream = stream;
  }

  /** Everything in the journal, read through the reader that checks the chain. */
  async records(): Promise<JournalRecord[]> {
    const records: JournalRecord[] = [];
    const { lastSequence } = this.stream.bounds();
    if (lastSequence === 0) return records;
    for await (const { record, sequence } of new MemoryJournal(this.stream).read('oldest', never)) {
      records.push(record);
      if (sequence === lastSequence) break;
    }
    return records;
  }

  /** `kind revision` of each record. */
  async outline(): Promise<string[]> {
    return (await this.records()).map(({ kind, revision }) => `${kind} ${revision}`);
  }

  async journalSnapshots(): Promise<readonly SnapshotRef[]> {
    return await new MemoryJournal(this.stream).snapshots.list(never);
  }

  /** All entries of a generation, in the order of the journal. */
  async entries(generation = 1): Promise<Entry[]> {
    const records = (await this.records()).filter((record) => record.generation === generation);
    return records.flatMap((record) => (record.kind === 'batch' ? record.entries : []));
  }
}

/** A node that campaigns over its own connection to the shared journal. */
export class LeaderNode implements LeaderObserver {
  readonly elector = new ScriptedElector();
  readonly journal: FaultyLeaderJournal;
  readonly snapshotQueue = new SnapshotQueue();
  readonly sightings = new SourceSightings();
  readonly terms: number[] = [];
  readonly resets: string[] = [];
  fencings = 0;
  position: Position | null = null;
  private readonly stopping = new AbortController();
  private readonly running: Promise<void>;

  constructor(
    readonly shared: Shared,
    { reserved = [], node = 'a', snapshotEveryMs = A_DAY_MS, progressEveryMs = A_DAY_MS }: NodeOptions = {},
  ) {
    this.journal = new FaultyLeaderJournal(shared.stream);
    const { source, facts } = shared;
    const given = { node, source, facts, snapshotEveryMs, progressEveryMs };
    const own = { journal: this.journal, elector: this.elector, snapshotQueue: this.snapshotQueue, observer: this };
    const { sightings } = this;
    const options = { ...given, ...own, sightings, reserved: new ReservedKeys(reserved), logger: silentLogger };
    this.running = runLeader(options, this.stopping.signal);
  }

  /** Resolves when the journal holds everything up to `revision`. */
  async reaches(revision: number, generation = 1): Promise<void> {
    const arrived = () => this.position?.generation === generation && this.position.revision >= revision;
    const describe = () => `${generation}/${revision}, at ${JSON.stringify(this.position)}`;
    await until(arrived, { everyMs: 1, describe });
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.running;
  }

  tookOver(term: number): void {
    this.terms.push(term);
  }

  journaled(position: Position): void {
    this.position = position;
  }

  reset(reason: string): void {
    this.resets.push(reason);
  }

  fenced(): void {
    this.fencings++;
  }

  elected(): void {
    this.position = null;
  }

  steppedDown(): void {
    // The leadership's own `drained` shows it.
  }

  received(): void {
    // What counts is what is journaled.
  }

  compacted(): void {
    // Asserted where headroom is.
  }
}
