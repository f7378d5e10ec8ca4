import { type JournalConfig, type Logger, readSecret, UnavailableError } from '@tidemark/core';
import {
  type ConnectionOptions,
  connect,
  credsAuthenticator,
  Events,
  type JetStreamClient,
  type JetStreamManager,
  type NatsConnection as NatsClient,
} from 'nats';
import { castConnectError } from './errors.js';
import { Requests } from './requests.js';
import { NatsTls } from './tls.js';

/** How long a NATS server may take to answer one request, in milliseconds. */
export const REQUEST_TIMEOUT_MS = 5_000;

/** A connection without answers is given up after two pings: 10 to 15 s. nats.js's default is four to six minutes. */
const PING_INTERVAL_MS = 5_000;
const MAX_PINGS_OUT = 2;
const RECONNECT_WAIT_MS = 250;

type ServersConfig = Pick<JournalConfig, 'servers' | 'tls' | 'credentialsFile'>;

export interface NatsConnectionOptions {
  readonly config: ServersConfig;
  /** Shown by `nats server report connections`. */
  readonly name: string;
  readonly log: Logger;
  /** For one request. */
  readonly timeoutMs?: number;
}

/**
 * One NATS connection that reconnects for ever, and knows whether it is connected.
 *
 * nats.js keeps messages that are published while disconnected, and sends them seconds late, after the reconnect. A writer
 * therefore checks {@link connected} before each message, and hears of a loss by {@link onLost}.
 */
export class NatsConnection {
  readonly requests: Requests;
  private readonly lostListeners = new Set<() => void>();
  private up = true;

  private constructor(
    readonly nats: NatsClient,
    readonly jetstream: JetStreamClient,
    readonly manager: JetStreamManager,
    private readonly log: Logger,
  ) {
    this.requests = new Requests(nats);
  }

  /** @throws UnavailableError when no server answers @throws AccessDeniedError */
  static async open(options: NatsConnectionOptions): Promise<NatsConnection> {
    const settings = connectionOptions(options);
    try {
      const nats = await connect(settings);
      const timeout = options.timeoutMs ?? REQUEST_TIMEOUT_MS;
      const manager = await nats.jetstreamManager({ timeout, checkAPI: false });
      const connection = new NatsConnection(nats, nats.jetstream({ timeout }), manager, options.log);
      void connection.follow();
      return connection;
    } catch (error) {
      const { servers } = options.config;
      throw castConnectError(error, `connect to ${servers.join(', ')}`, settings.tls !== undefined);
    }
  }

  get connected(): boolean {
    return this.up && !this.nats.isClosed();
  }

  /** Largest message the server takes, headers included, in bytes. May change with a reconnect. */
  get maxPayload(): number {
    return this.nats.info?.max_payload ?? DEFAULT_MAX_PAYLOAD_BYTES;
  }

  /** Calls `listener` each time the connection is lost or closed. Returns how to stop that. */
  onLost(listener: () => void): () => void {
    this.lostListeners.add(listener);
    return () => this.lostListeners.delete(listener);
  }

  /** @throws UnavailableError when not connected now */
  assertConnected(): void {
    if (!this.connected) throw lost();
  }

  async close(): Promise<void> {
    if (!this.nats.isClosed()) await this.nats.close();
  }

  private async follow(): Promise<void> {
    for await (const status of this.nats.status()) {
      if (status.type === Events.Disconnect) {
        this.log.warn({ server: status.data }, 'connection to NATS lost');
        this.lose();
      } else if (status.type === Events.Reconnect) {
        this.log.info({ server: status.data }, 'connected to NATS again');
        this.up = true;
      } else if (status.type === Events.Error) {
        this.log.warn({ error: status.data }, 'NATS reported an error');
        this.requests.notice(status);
      }
    }
    this.lose();
  }

  private lose(): void {
    this.up = false;
    this.requests.lose();
    for (const listener of [...this.lostListeners]) listener();
  }
}

/** The server's default, until it has reported its own. */
const DEFAULT_MAX_PAYLOAD_BYTES = 1024 * 1024;

function connectionOptions({ config, name }: NatsConnectionOptions): ConnectionOptions {
  const { servers, credentialsFile } = config;
  const tls = new NatsTls(config);
  return {
    servers: [...servers],
    name,
    maxReconnectAttempts: -1,
    reconnectTimeWait: RECONNECT_WAIT_MS,
    reconnectJitter: RECONNECT_WAIT_MS,
    pingInterval: PING_INTERVAL_MS,
    maxPingOut: MAX_PINGS_OUT,
    timeout: REQUEST_TIMEOUT_MS,
    waitOnFirstConnect: false,
    // Keeps reconnecting after two refusals in a row, for example while credentials are being replaced.
    ignoreAuthErrorAbort: true,
    // The stack trace of a request costs more than the request.
    noAsyncTraces: true,
    ...(tls.isWanted && { tls }),
    // Read at each connect, so that a replaced file is used without a restart.
    ...(credentialsFile !== undefined && {
      authenticator: credsAuthenticator(() => readSecret(credentialsFile, 'journal.credentialsFile')),
    }),
  };
}

function lost(): UnavailableError {
  return new UnavailableError({
    message: 'NATS: the connection is lost.',
    remedy: 'It is tried again. Check that the NATS servers run and are reachable.',
  });
}
