import { unlessAborted } from '@tidemark/core';
import { Redis, type RedisOptions } from 'ioredis';
import { castConnectError, castError, ScriptUnknownError } from './errors.js';
import type { Script } from './scripts.js';

const CONNECT_TIMEOUT_MS = 5_000;
/** The largest script takes a few milliseconds; a server that forks, swaps or runs others' scripts takes longer. */
const COMMAND_TIMEOUT_MS = 10_000;

export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** Certificates, as Node's TLS wants them. */
export type TlsOptions = NonNullable<RedisOptions['tls']>;

export interface Command {
  readonly kind: 'read' | 'write';
  readonly name: string;
  readonly args: readonly (string | number | Buffer)[];
}

export interface ScriptCall {
  readonly kind: 'read' | 'write';
  readonly script: Script;
  readonly keys: readonly Buffer[];
  readonly args: readonly (string | number | Buffer)[];
}

/**
 * One connection to one server, from its opening to its end. It is never opened again: whoever needs the next one asks
 * again which server is the master, and begins with a server it knows nothing of.
 *
 * By default ioredis keeps commands while disconnected and sends those without an answer again, long after the caller has given
 * up. All of that is off. A connection with a command that got no answer is not used any more.
 */
export class RedisConnection {
  private closed = false;

  private constructor(
    private readonly redis: Redis,
    readonly address: string,
  ) {}

  /** @throws UnavailableError */
  static async open({ host, port }: Endpoint, tls: TlsOptions | null, signal: AbortSignal): Promise<RedisConnection> {
    const redis = new Redis({
      host,
      port,
      ...(tls !== null && { tls }),
      lazyConnect: true,
      retryStrategy: () => null,
      enableOfflineQueue: false,
      autoResendUnfulfilledCommands: false,
      maxRetriesPerRequest: 0,
      // INFO is asked, and login made, by whoever opens: ioredis would print to the console what it finds odd.
      enableReadyCheck: false,
      disableClientInfo: true,
      protocol: 2,
      connectTimeout: CONNECT_TIMEOUT_MS,
      commandTimeout: COMMAND_TIMEOUT_MS,
    });
    const address = `${host}:${port}`;
    let reason: unknown = null;
    // Without a listener ioredis prints to the console. The rejection of connect() only says that it was closed.
    redis.on('error', (error: unknown) => {
      reason ??= error;
    });
    try {
      await unlessAborted(signal, () => redis.connect());
      return new RedisConnection(redis, address);
    } catch (error) {
      redis.disconnect();
      throw castConnectError(reason ?? error, address);
    }
  }

  get alive(): boolean {
    return !this.closed && this.redis.status === 'ready';
  }

  /** The reply as buffers, numbers, nulls, and arrays of these. */
  async call({ kind, name, args }: Command, signal: AbortSignal): Promise<unknown> {
    const context = { address: this.address, kind };
    try {
      return await unlessAborted(signal, () => this.redis.callBuffer(name, [...args]));
    } catch (error) {
      // For whatever reason it was given up: a write that was sent may still take effect.
      throw castError(signal.aborted ? new Error('given up before an answer came') : error, context);
    }
  }

  /** By its name; with its whole text where the server does not know it yet. */
  async run({ kind, script, keys, args }: ScriptCall, signal: AbortSignal): Promise<unknown> {
    const rest = [keys.length, ...keys, ...args];
    try {
      return await this.call({ kind, name: 'EVALSHA', args: [script.sha, ...rest] }, signal);
    } catch (error) {
      if (!(error instanceof ScriptUnknownError)) throw error;
      return await this.call({ kind, name: 'EVAL', args: [script.lua, ...rest] }, signal);
    }
  }

  /** At once; what has no answer yet fails. */
  close(): void {
    // ioredis calls itself ready until the socket reports that it was closed.
    this.closed = true;
    this.redis.disconnect();
  }
}
