/**
 * Real servers for tests, from one interface with two providers: local processes, and containers. A test that only
 * needs "an etcd" asks for one and does not know where it runs.
 */

/** What every server can have done to it. */
export interface Server {
  /** Host and port that clients connect to. */
  readonly address: string;
  /** kill -9, waits until it is gone. The data stays. */
  kill(): Promise<void>;
  /** Orderly stop, waits until it is gone. The data stays. */
  stop(): Promise<void>;
  /** Starts again on the same address with the same data; resolves when it answers. */
  start(): Promise<void>;
  /** Freezes it (SIGSTOP): connections stay open and nothing answers. */
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** The last part of what it printed since its last start, for the message of a failed test. */
  log(): string;
}

export interface EtcdOptions {
  /** Additional command-line flags, e.g. `['--enable-v2']`. */
  readonly flags?: readonly string[];
}

export interface EtcdServer extends Server {
  /** `http://host:port`, as `endpoints` of a configuration wants it. */
  readonly url: string;
  /** Runs etcdctl (v3 API) against this server and returns its standard output. Independent of the code under test. */
  etcdctl(args: readonly string[], input?: string | Buffer): Promise<Buffer>;
}

export interface NatsOptions {
  /** Lines of additional nats-server configuration, e.g. `['max_payload: 65536']`. */
  readonly configuration?: readonly string[];
}

export interface NatsServer extends Server {
  /** `nats://host:port`. */
  readonly url: string;
  /** `http://host:port` of the monitoring endpoints (`/jsz`, `/varz`), independent of the code under test. */
  readonly monitorUrl: string;
  /** Replaces the additional configuration lines; they count from the next start. */
  configure(configuration: readonly string[]): Promise<void>;
}

export interface RedisOptions {
  /** Additional command-line flags, e.g. `['--maxmemory', '1mb']`. */
  readonly flags?: readonly string[];
}

export interface RedisServer extends Server {
  /** `redis://host:port/0`. */
  readonly url: string;
}

/** A provider of servers. Disposing it stops all that it started and removes their data. */
export interface Servers extends AsyncDisposable {
  etcd(options?: EtcdOptions): Promise<EtcdServer>;
  nats(options?: NatsOptions): Promise<NatsServer>;
  redis(options?: RedisOptions): Promise<RedisServer>;
}
