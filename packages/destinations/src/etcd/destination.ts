import {
  type ApplyLimits,
  type ApplyRequest,
  type ApplyResult,
  type Checkpoint,
  type Destination,
  type DestinationReading,
  type DestinationView,
  type ForeignWrite,
  type KeyRange,
  type OriginKeeper,
  RequestTooLargeError,
  UnavailableError,
} from '@tidemark/core';
import { type CheckpointedOutcome, type EtcdKv, TooManyOperationsError } from '@tidemark/etcd';
import { decodeCheckpoint, encodeCheckpoint } from '../checkpoint/codec.js';
import { EtcdOriginKeeper } from './origin-keeper.js';
import { OwnRevisions } from './own-revisions.js';
import { batchTooLarge, requestBytes, writeTooLarge } from './request-size.js';

/** So many changes of one source revision become visible together. More would fit one request, and hold up etcd's other clients. */
const MAX_TRANSACTION_WRITES = 4096;
/**
 * Key and value bytes of one transaction. etcd's default request limit is 1.5 MiB for everything; the rest is for
 * framing, the compare, and the checkpoint. A single larger put still goes alone, up to the server's own limit. A cluster
 * with a lower one is sent less, once it has refused.
 */
const MAX_TRANSACTION_BYTES = 1024 * 1024;

/** Checkpoint and data live in one etcd cluster and change in one transaction, hence in one revision. */
export class EtcdDestination implements Destination {
  readonly deviations: readonly string[] = [];
  readonly origin: OriginKeeper;
  private readonly own = new OwnRevisions();
  /** Less than our own limit where the cluster was found to take less. */
  private maxBytes = MAX_TRANSACTION_BYTES;

  constructor(
    private readonly kv: EtcdKv,
    private readonly options: { readonly checkpointKey: Buffer; readonly originKey: Buffer },
  ) {
    this.origin = new EtcdOriginKeeper(kv, options);
  }

  get limits(): ApplyLimits {
    return { maxWrites: MAX_TRANSACTION_WRITES, maxBytes: this.maxBytes };
  }

  async checkpoint(signal: AbortSignal): Promise<Checkpoint | null> {
    const { kv } = await this.kv.get(this.options.checkpointKey, signal);
    return kv === null ? null : decodeCheckpoint(kv.value);
  }

  apply(request: ApplyRequest, signal: AbortSignal): Promise<ApplyResult> {
    const applied = this.execute(request, signal);
    this.own.awaitAnswer(applied);
    return applied;
  }

  /** Everything at the revision at which the checkpoint was read. */
  async view(signal: AbortSignal): Promise<DestinationView> {
    const { kv, revision } = await this.kv.get(this.options.checkpointKey, signal);
    const store = this.kv;
    return {
      checkpoint: kv === null ? null : decodeCheckpoint(kv.value),
      atOneState: true,
      run: null,
      async *range(range, stop) {
        const { pages } = await store.readPages(range, revision, stop);
        yield* pages;
      },
    };
  }

  async read(keys: readonly Buffer[], signal: AbortSignal): Promise<DestinationReading> {
    const { checkpoint, values } = await this.kv.getTogether(this.options.checkpointKey, keys, signal);
    return { checkpoint: checkpoint === null ? null : decodeCheckpoint(checkpoint), values };
  }

  count(range: KeyRange, signal: AbortSignal): Promise<number> {
    return this.kv.count(range, signal);
  }

  foreignWrites(ranges: readonly KeyRange[], signal: AbortSignal): AsyncIterable<readonly ForeignWrite[]> {
    const isOurs = (revision: number) => this.own.includes(revision);
    return this.kv.foreignChanges({ ranges, checkpointKey: this.options.checkpointKey, isOurs }, signal);
  }

  async close(): Promise<void> {
    await this.kv.close();
  }

  private async execute(request: ApplyRequest, signal: AbortSignal): Promise<ApplyResult> {
    const next = encodeCheckpoint(request.next);
    const outcome = await this.send(request, next, signal);
    if (outcome.succeeded) {
      this.own.add(outcome.revision);
      return { outcome: 'applied' };
    }
    if (outcome.found?.equals(next)) return { outcome: 'already' };
    return { outcome: 'superseded', found: outcome.found === null ? null : decodeCheckpoint(outcome.found) };
  }

  private async send(request: ApplyRequest, next: Buffer, signal: AbortSignal): Promise<CheckpointedOutcome> {
    const { checkpointKey } = this.options;
    const expected = request.expected === null ? null : encodeCheckpoint(request.expected);
    try {
      return await this.kv.executeCheckpointed({ checkpointKey, expected, next, writes: request.writes }, signal);
    } catch (error) {
      // It may come back with another limit.
      if (error instanceof UnavailableError) this.maxBytes = MAX_TRANSACTION_BYTES;
      const forItsSize = error instanceof RequestTooLargeError && !(error instanceof TooManyOperationsError);
      if (!forItsSize) throw error;
      const [write, ...others] = request.writes;
      if (write === undefined) throw error;
      const bytes = requestBytes(request);
      if (others.length === 0) {
        // It goes alone from now on: among others it would be refused for another reason than the one that matters.
        this.maxBytes = Math.min(this.maxBytes, Math.floor(bytes / 2));
        throw writeTooLarge(write, error);
      }
      // No answer names the limit. Halving ends at a size that passes, or at the one write that does not.
      this.maxBytes = Math.floor(Math.min(this.maxBytes, bytes) / 2);
      throw batchTooLarge(request, this.maxBytes, error);
    }
  }
}
