import {
  AccessDeniedError,
  checkServerIdentity,
  hashTag,
  type Logger,
  type RedisDestinationConfig,
  readTls,
  UnavailableError,
  unlessAborted,
} from '@tidemark/core';
import { type Endpoint, RedisConnection, type TlsOptions } from './connection.js';
import { castConnectError, HashTagMissingError, MovedError } from './errors.js';
import { greet, type ServerFacts } from './greeting.js';
import { candidates, databaseOf, describeWhereabouts, parseAddress, type Whereabouts } from './locate.js';

/** A node that was asked for a slot of another one names it; it may have moved on meanwhile. */
const MAX_REDIRECTIONS = 5;

export interface RedisClientOptions extends Whereabouts, Pick<RedisDestinationConfig, 'tls' | 'auth' | 'keyPrefix'> {
  readonly clientName: string;
  /** Some key of ours: in a cluster, its slot is the slot of all. */
  readonly probeKey: Buffer;
  readonly logger: Logger;
}

/** A connection and what its server said of itself. */
export interface OpenConnection {
  readonly connection: RedisConnection;
  readonly facts: ServerFacts;
}

/**
 * The master of one destination. A connection is opened by whoever needs it and finds none; callers' own back-off is the
 * only one. Whatever makes a connection doubtful (silence, another role, a slot that moved, rights) ends it.
 */
export class RedisClient {
  private current: Promise<OpenConnection> | null = null;
  private readonly closing = new AbortController();
  private reported: readonly string[] = [];

  constructor(private readonly options: RedisClientOptions) {}

  /** As the server said when it was last connected to. */
  get deviations(): readonly string[] {
    return this.reported;
  }

  /** Everything in `work` happens on one connection, hence at one server. @throws UnavailableError @throws AccessDeniedError */
  async use<T>(work: (open: OpenConnection) => Promise<T>, signal: AbortSignal): Promise<T> {
    const open = await this.reach(signal);
    try {
      return await work(open);
    } catch (error) {
      if (error instanceof UnavailableError || error instanceof AccessDeniedError) open.connection.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    this.closing.abort();
    const current = this.current;
    this.current = null;
    const open = await current?.catch(() => null);
    open?.connection.close();
  }

  /** The opening goes on for others when one gives up. */
  private async reach(signal: AbortSignal): Promise<OpenConnection> {
    try {
      return await unlessAborted(signal, () => this.connected());
    } catch (error) {
      throw castConnectError(error, describeWhereabouts(this.options));
    }
  }

  private async connected(): Promise<OpenConnection> {
    const current = this.current;
    if (current !== null) {
      const open = await current;
      if (open.connection.alive) return open;
      if (this.current === current) this.current = null;
    }
    this.current ??= this.open();
    return await this.current;
  }

  private async open(): Promise<OpenConnection> {
    try {
      const { signal } = this.closing;
      const tls = this.tls();
      const failures: unknown[] = [];
      for (const endpoint of await candidates(this.options, tls, signal)) {
        try {
          return this.opened(await this.openAt(endpoint, tls, signal));
        } catch (error) {
          failures.push(error);
        }
      }
      throw failures[0];
    } catch (error) {
      this.current = null;
      throw error;
    }
  }

  /** One server, or in a cluster the node that it leads to. */
  private async openAt(first: Endpoint, tls: TlsOptions | null, signal: AbortSignal): Promise<OpenConnection> {
    let endpoint = first;
    for (let redirections = 0; ; redirections++) {
      const connection = await RedisConnection.open(endpoint, tls, signal);
      try {
        return { connection, facts: await this.enter(connection, signal) };
      } catch (error) {
        connection.close();
        if (!(error instanceof MovedError) || redirections === MAX_REDIRECTIONS) throw error;
        const moved = parseAddress(error.address);
        endpoint = { host: moved.host || endpoint.host, port: moved.port };
      }
    }
  }

  /** @throws MovedError @throws HashTagMissingError */
  private async enter(connection: RedisConnection, signal: AbortSignal): Promise<ServerFacts> {
    const { auth, clientName, keyPrefix, probeKey } = this.options;
    const facts = await greet(connection, { auth, clientName, database: databaseOf(this.options) }, signal);
    if (facts.inCluster && hashTag(keyPrefix) === null) {
      throw new HashTagMissingError({
        message: `Redis at ${connection.address}: it is a cluster, and keyPrefix has no hash tag.`,
        remedy: 'Data and checkpoint must be in one slot: set keyPrefix to something like "{conf}:".',
      });
    }
    if (facts.inCluster) await connection.call({ kind: 'read', name: 'EXISTS', args: [probeKey] }, signal);
    return facts;
  }

  private opened(open: OpenConnection): OpenConnection {
    const { deviations } = open.facts;
    const known = new Set(this.reported);
    for (const deviation of deviations) {
      if (!known.has(deviation)) this.options.logger.warn({ deviation }, 'the Redis server is not set as it should be');
    }
    this.reported = deviations;
    return open;
  }

  private tls(): TlsOptions | null {
    const { tls, url } = this.options;
    if (tls === undefined && !url?.startsWith('rediss:')) return null;
    return { ...readTls(tls), checkServerIdentity };
  }
}
