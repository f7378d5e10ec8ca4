import {
  AmbiguousWriteError,
  type ApplyLimits,
  type ApplyRequest,
  type ApplyResult,
  type Checkpoint,
  type Destination,
  type DestinationReading,
  type DestinationView,
  type KeyRange,
  type Logger,
  type RedisDestinationConfig,
  WrongTypeError,
} from '@tidemark/core';
import { encodeCheckpoint } from '../checkpoint/codec.js';
import { RedisClient } from './client.js';
import type { RedisConnection } from './connection.js';
import { KeyNames } from './key-names.js';
import { type Reading, readKeys, readPages } from './pages.js';
import { asArray, asCheckpoint, asValue } from './replies.js';
import { ResyncGuard, runEnded } from './resync-guard.js';
import { APPLY } from './scripts.js';

/**
 * As at etcd, so that the same revisions are visible at once at either kind. Redis serves nobody else during a script:
 * 0.1 s for so many writes, measured on two busy cores.
 */
const MAX_SCRIPT_WRITES = 4096;
/** Redis holds the values of a script twice, and gives them to each replica in one piece. */
const MAX_SCRIPT_BYTES = 1024 * 1024;

export interface RedisDestinationOptions
  extends Pick<RedisDestinationConfig, 'url' | 'sentinel' | 'cluster' | 'tls' | 'auth' | 'keyPrefix'> {
  /** `PIPELINE/DESTINATION`. */
  readonly path: string;
  readonly logger: Logger;
}

/**
 * Checkpoint and data live in one Redis and change in one script. A failover to a replica that lags takes both back
 * together, so the compare finds out. Redis has no snapshots: a view is of no one state. It does not record who wrote.
 */
export class RedisDestination implements Destination {
  readonly limits: ApplyLimits = { maxWrites: MAX_SCRIPT_WRITES, maxBytes: MAX_SCRIPT_BYTES };
  private readonly client: RedisClient;
  private readonly names: KeyNames;
  private readonly resyncGuard = new ResyncGuard();

  constructor(options: RedisDestinationOptions) {
    this.names = new KeyNames(options.keyPrefix, options.path);
    const clientName = `tidemark:${options.path}`;
    this.client = new RedisClient({ ...options, clientName, probeKey: this.names.checkpoint });
  }

  get deviations(): readonly string[] {
    return this.client.deviations;
  }

  checkpoint(signal: AbortSignal): Promise<Checkpoint | null> {
    return this.client.use(async ({ connection }) => asCheckpoint(await this.stored(connection, signal)), signal);
  }

  /**
   * An attempt without an answer is sent once more, on another connection: the compare shows what became of the first. A
   * second one that is refused leaves the first one in doubt.
   */
  async apply(request: ApplyRequest, signal: AbortSignal): Promise<ApplyResult> {
    try {
      return await this.execute(request, signal);
    } catch (error) {
      if (!(error instanceof AmbiguousWriteError) || signal.aborted) throw error;
      return await this.execute(request, signal).catch(() => {
        throw error;
      });
    }
  }

  /** Of one run of the server: after a failover there may be less than before. */
  view(signal: AbortSignal): Promise<DestinationView> {
    return this.client.use(async ({ connection, facts: { runId } }) => {
      const checkpoint = asCheckpoint(await this.stored(connection, signal));
      return {
        checkpoint,
        atOneState: false,
        run: runId,
        range: (range, stop) => readPages(this.reading(stop, runId), range),
      };
    }, signal);
  }

  async read(keys: readonly Buffer[], signal: AbortSignal): Promise<DestinationReading> {
    const args = [this.names.checkpoint, ...keys.map((key) => this.names.nameOf(key))];
    const command = { kind: 'read', name: 'MGET', args } as const;
    const reply = await this.client.use(({ connection }) => connection.call(command, signal), signal);
    const [found, ...values] = asArray(reply);
    return { checkpoint: asCheckpoint(found), values: values.map(asValue) };
  }

  async count(range: KeyRange, signal: AbortSignal): Promise<number> {
    let count = 0;
    for await (const keys of readKeys(this.reading(signal, null), range)) count += keys.length;
    return count;
  }

  /** Redis does not know: its notifications name no client, and are lost while nobody listens. */
  foreignWrites(): null {
    return null;
  }

  async close(): Promise<void> {
    await this.client.close();
  }

  private execute(request: ApplyRequest, signal: AbortSignal): Promise<ApplyResult> {
    return this.client.use(async ({ connection, facts: { runId } }) => {
      const { keys, args, next } = this.scriptFor(request);
      if (!this.resyncGuard.allows(request, runId)) {
        const found = await this.stored(connection, signal);
        if (args[0]?.equals(asValue(found) ?? NOTHING) === true) throw runEnded(connection.address);
        return elsewhere(found, next);
      }
      const reply = asArray(await connection.run({ kind: 'write', script: APPLY, keys, args }, signal));
      const [outcome, detail, type] = [String(reply[0]), reply[1], reply[2]];
      if (outcome === 'wrong type') throw this.wrongType(keys[Number(detail) - 1], String(type), connection.address);
      const result: ApplyResult = outcome === 'applied' ? { outcome } : elsewhere(detail, next);
      if (result.outcome !== 'superseded') this.resyncGuard.reached(request, runId);
      return result;
    }, signal);
  }

  private wrongType(name: Buffer | undefined, type: string, address: string): WrongTypeError {
    return new WrongTypeError({
      key: name === undefined ? null : this.names.keyOf(name),
      message: `Redis at ${address}: the key "${name?.toString()}" holds a ${type}, which is not overwritten. Nothing was written.`,
      remedy: 'Rename or delete that key, or set keyPrefix to a prefix that nobody else uses.',
    });
  }

  /** The checkpoint as Redis has it, null when there is none. */
  private stored(connection: RedisConnection, signal: AbortSignal): Promise<unknown> {
    return connection.call({ kind: 'read', name: 'GET', args: [this.names.checkpoint] }, signal);
  }

  private scriptFor({ writes, expected, next }: ApplyRequest) {
    const puts = writes.filter((write) => write.kind === 'put');
    const deletes = writes.filter((write) => write.kind === 'delete');
    const encoded = encodeCheckpoint(next);
    const count = Buffer.from(String(puts.length));
    return {
      keys: [
        this.names.checkpoint,
        this.names.never,
        ...[...puts, ...deletes].map(({ key }) => this.names.nameOf(key)),
      ],
      args: [expected === null ? NOTHING : encodeCheckpoint(expected), encoded, count, ...puts.map((put) => put.value)],
      next: encoded,
    };
  }

  /** @param runId the run of the server to which all of it has to belong; null for any */
  private reading(signal: AbortSignal, runId: string | null): Reading {
    const use: Reading['use'] = (work) =>
      this.client.use(({ connection, facts }) => {
        if (runId !== null && facts.runId !== runId) throw runEnded(connection.address);
        return work(connection);
      }, signal);
    return { names: this.names, use, signal };
  }
}

const NOTHING = Buffer.alloc(0);

function elsewhere(found: unknown, next: Buffer): ApplyResult {
  if (asValue(found)?.equals(next) === true) return { outcome: 'already' };
  return { outcome: 'superseded', found: asCheckpoint(found) };
}
