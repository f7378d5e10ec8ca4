import { isDeepStrictEqual } from 'node:util';
import {
  AmbiguousWriteError,
  type ApplyLimits,
  type ApplyRequest,
  type ApplyResult,
  Bell,
  type Checkpoint,
  type Destination,
  type DestinationReading,
  type DestinationView,
  type ForeignWrite,
  type KeyRange,
  type KeyValue,
  keyAfter,
  rangeContains,
  TidemarkError,
  UnavailableError,
  type Write,
} from '@tidemark/core';
import { Stall } from './stall.js';

/**
 * What goes wrong with one apply:
 * - `refuse`: nothing happens, the destination cannot be reached.
 * - `lose answer`: it takes effect, nobody answers, and the client sends it again, as the contract asks.
 * - `ambiguous`: it takes effect, nobody answers, and nobody can be asked again.
 */
export type ApplyFault = 'refuse' | 'lose answer' | 'ambiguous';

/** A transaction that took effect. */
export type CommittedTransaction = ApplyRequest;

/** A destination's whole content, as a backup holds it. */
export interface DestinationBackup {
  readonly checkpoint: Buffer | null;
  readonly data: ReadonlyMap<string, Buffer>;
}

export interface MemoryDestinationOptions {
  readonly limits?: ApplyLimits;
  /** Keys per page of a view's range. */
  readonly pageKeys?: number;
  /** False: a view's range shows what is there when a page is asked for, as Redis does. */
  readonly viewsAtOneState?: boolean;
}

const DEFAULT_LIMITS: ApplyLimits = { maxWrites: 4096, maxBytes: 1024 * 1024 };

/** What stands where the checkpoint belongs is not a checkpoint. */
class UnreadableCheckpointError extends TidemarkError {
  readonly code = 'CHECKPOINT_UNREADABLE';
}

/** A destination in memory, and the faults that tests need. Several workers may share one. */
export class MemoryDestination implements Destination {
  readonly limits: ApplyLimits;
  /** Everything that took effect, in order; a restore does not shorten it. */
  readonly log: CommittedTransaction[] = [];
  /** Calls of `apply` so far; the first is number 1. */
  applies = 0;
  /** Answered calls of `read` so far. */
  readings = 0;
  /** Applies that were refused, or whose answer was lost. */
  faults = 0;
  /** False: nothing can be read or written. */
  available = true;
  readonly deviations: readonly string[] = [];
  private fault: (apply: number, request: ApplyRequest) => ApplyFault | null = () => null;
  private readonly meanwhile = new Map<number, () => void>();
  private checkpointStall: Stall | null = null;
  private readonly pageKeys: number;
  private readonly viewsAtOneState: boolean;
  private stored: Buffer | null = null;
  private data = new Map<string, Buffer>();
  private readonly written = new Map<string, number>();
  private readonly foreign: ForeignWrite[] = [];
  private readonly foreignWritten = new Bell();

  constructor(options: MemoryDestinationOptions = {}) {
    this.limits = options.limits ?? DEFAULT_LIMITS;
    this.pageKeys = options.pageKeys ?? 100;
    this.viewsAtOneState = options.viewsAtOneState ?? true;
  }

  /** Every apply is refused, until `recover`. */
  refuse(): void {
    this.fault = () => 'refuse';
  }

  /** The apply of this number and all later ones are refused, until `recover`. */
  refuseFrom(apply: number): void {
    this.fault = (number) => (number >= apply ? 'refuse' : null);
  }

  /** Applies are refused while `condition` holds, until `recover`. */
  refuseWhile(condition: () => boolean): void {
    this.fault = () => (condition() ? 'refuse' : null);
  }

  /** Applies with writes are refused, until `recover`; those that move only the checkpoint pass. */
  refuseWrites(): void {
    this.fault = (_, { writes }) => (writes.length > 0 ? 'refuse' : null);
  }

  /** The apply of this number has a fault, and all later ones are refused, until `recover`. */
  crashAt(apply: number, fault: ApplyFault): void {
    this.fault = (number) => (number < apply ? null : number === apply ? fault : 'refuse');
  }

  /** Each apply has the fault that is drawn for it, until `recover`. */
  draw(next: () => ApplyFault | null): void {
    this.fault = next;
  }

  /** Ends all faults of applies. */
  recover(): void {
    this.fault = () => null;
  }

  /** Right before the apply of this number, something else happens. */
  before(apply: number, action: () => void): void {
    this.meanwhile.set(apply, action);
  }

  /** Whoever asks for the checkpoint waits, until the stall is released. */
  stallCheckpoint(): Stall {
    this.checkpointStall = new Stall();
    return this.checkpointStall;
  }

  async checkpoint(signal: AbortSignal): Promise<Checkpoint | null> {
    await this.checkpointStall?.pass();
    await this.reach(signal);
    return decode(this.stored);
  }

  async apply(request: ApplyRequest, signal: AbortSignal): Promise<ApplyResult> {
    await this.reach(signal);
    this.meanwhile.get(++this.applies)?.();
    const fault = this.fault(this.applies, request);
    if (fault !== null) this.faults++;
    if (fault === 'refuse') throw unavailable();
    const result = this.commit(request);
    if (fault === 'ambiguous') {
      throw new AmbiguousWriteError({ message: 'No answer came.', remedy: 'None needed: a test asked for this.' });
    }
    return fault === 'lose answer' ? this.commit(request) : result;
  }

  async view(signal: AbortSignal): Promise<DestinationView> {
    await this.reach(signal);
    const { data, pageKeys, viewsAtOneState: atOneState } = this;
    const reach = this.reach.bind(this);
    const current = () => (atOneState ? data : this.data);
    return {
      checkpoint: decode(this.stored),
      atOneState,
      run: null,
      async *range(range, stop) {
        let rest: KeyRange | null = range;
        while (rest !== null) {
          await reach(stop);
          const items: Item[] = within(current(), rest).slice(0, pageKeys);
          if (items.length > 0) yield items;
          const last: Item | undefined = items[pageKeys - 1];
          rest = last === undefined ? null : { start: keyAfter(last.key), end: range.end };
        }
      },
    };
  }

  async read(keys: readonly Buffer[], signal: AbortSignal): Promise<DestinationReading> {
    await this.reach(signal);
    this.readings++;
    const values = keys.map((key) => this.data.get(key.toString('latin1')) ?? null);
    return { checkpoint: decode(this.stored), values };
  }

  async count(range: KeyRange, signal: AbortSignal): Promise<number> {
    await this.reach(signal);
    return within(this.data, range).length;
  }

  async *foreignWrites(ranges: readonly KeyRange[], signal: AbortSignal): AsyncGenerator<readonly ForeignWrite[]> {
    let seen = this.foreign.length;
    while (!signal.aborted) {
      const found = this.foreign.slice(seen).filter(({ key }) => ranges.some((range) => rangeContains(range, key)));
      seen = this.foreign.length;
      if (found.length > 0) yield found;
      if (seen < this.foreign.length) continue;
      await this.foreignWritten.wait(signal);
    }
  }

  async close(): Promise<void> {
    // Nothing to close.
  }

  /** How often a key was written, by puts and deletes. What etcd calls version counts since the last delete only. */
  writesOf(key: string): number {
    return this.written.get(key) ?? 0;
  }

  /** Live keys and values, a character for each byte. */
  content(): Map<string, string> {
    return new Map([...this.data].map(([key, value]) => [key, value.toString('latin1')]));
  }

  /** A write by somebody else, beside the checkpoint. */
  write(key: string, value: string | null): void {
    const write: Write =
      value === null
        ? { kind: 'delete', key: Buffer.from(key, 'latin1') }
        : { kind: 'put', key: Buffer.from(key, 'latin1'), value: Buffer.from(value, 'latin1') };
    this.change([write]);
    this.foreign.push({ kind: write.kind, key: write.key });
    this.foreignWritten.ring();
  }

  /** Somebody writes his own things where the checkpoint belongs. */
  garbleCheckpoint(): void {
    this.stored = Buffer.from('not a checkpoint');
  }

  backup(): DestinationBackup {
    return { checkpoint: this.stored, data: this.data };
  }

  restore(backup: DestinationBackup): void {
    this.stored = backup.checkpoint;
    this.data = new Map(backup.data);
  }

  private commit(request: ApplyRequest): ApplyResult {
    const expected = encode(request.expected);
    const next = encode(request.next);
    if (!isDeepStrictEqual(this.stored, expected)) {
      if (isDeepStrictEqual(this.stored, next)) return { outcome: 'already' };
      return { outcome: 'superseded', found: decode(this.stored) };
    }
    this.change(request.writes);
    for (const { key } of request.writes) {
      const name = key.toString('latin1');
      this.written.set(name, this.writesOf(name) + 1);
    }
    this.stored = next;
    this.log.push(request);
    return { outcome: 'applied' };
  }

  /** Views and backups keep the map they saw. */
  private change(writes: readonly Write[]): void {
    this.data = new Map(this.data);
    for (const write of writes) {
      const name = write.key.toString('latin1');
      if (write.kind === 'put') this.data.set(name, Buffer.from(write.value));
      else this.data.delete(name);
    }
  }

  /** Requests travel: another worker's may arrive first. */
  private async reach(signal: AbortSignal): Promise<void> {
    await new Promise(setImmediate);
    signal.throwIfAborted();
    if (!this.available) throw unavailable();
  }
}

type Item = Pick<KeyValue, 'key' | 'value'>;

function within(data: ReadonlyMap<string, Buffer>, range: KeyRange): Item[] {
  return [...data]
    .map(([name, value]) => ({ key: Buffer.from(name, 'latin1'), value }))
    .filter(({ key }) => rangeContains(range, key))
    .sort((a, b) => Buffer.compare(a.key, b.key));
}

function encode(checkpoint: Checkpoint | null): Buffer | null {
  if (checkpoint === null) return null;
  const { journal, position, filter, resync, partial, fence } = checkpoint;
  const fields = [journal, position.generation, position.revision, filter, resync, partial, fence];
  return Buffer.from(JSON.stringify(fields));
}

function decode(stored: Buffer | null): Checkpoint | null {
  if (stored === null) return null;
  try {
    const [journal, generation, revision, filter, resync, partial, fence] = JSON.parse(stored.toString()) as [
      string,
      number,
      number,
      string,
      Checkpoint['resync'],
      Checkpoint['partial'],
      Checkpoint['fence'],
    ];
    return { journal, position: { generation, revision }, filter, resync, partial, fence };
  } catch (cause) {
    const message = 'What stands where the checkpoint belongs is not a checkpoint.';
    throw new UnreadableCheckpointError({ message, remedy: 'None needed: a test asked for this.', cause });
  }
}

function unavailable(): UnavailableError {
  return new UnavailableError({ message: 'The destination is down.', remedy: 'None needed: a test asked for this.' });
}
