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
  /**
   * Runs etcdctl (v3 API) against this server and returns its standard output. Independent of the code under test. Once
   * `enableAuth` was called it runs as root.
   */
  etcdctl(args: readonly string[], input?: string | Buffer): Promise<Buffer>;
  /** Creates the users and turns authentication on, for the whole cluster. */
  enableAuth(auth: EtcdAuth): Promise<void>;
  /** Replaces the additional flags; they count from the next start. @throws TestServerError in a container */
  configure(flags: readonly string[]): Promise<void>;
  /** Writes a snapshot of this server's store into a file of this machine. */
  snapshotSave(file: string): Promise<void>;
  /**
   * What operators do after a disaster: stops the server, restores the snapshot into a new data directory under the same
   * name, cluster token and URLs, and starts it again. The cluster id stays, revisions and the raft term go back.
   *
   * @param flags more flags of `snapshot restore`, which win over our own, e.g. `['--initial-cluster-token=other']`, or
   *   `['--bump-revision=1000', '--mark-compacted']` on etcd >= 3.4.27.
   * @throws TestServerError for a member of a cluster, which can only be restored as a whole, and in a container.
   */
  restoreFrom(file: string, flags?: readonly string[]): Promise<void>;
}

export interface EtcdAuth {
  readonly rootPassword: string;
  readonly users?: readonly EtcdUser[];
}

/** A user with a role of the same name. */
export interface EtcdUser {
  readonly name: string;
  readonly password: string;
  readonly permissions: readonly EtcdPermission[];
}

export interface EtcdPermission {
  readonly right: 'read' | 'write' | 'readwrite';
  /** The empty prefix is the whole keyspace. */
  readonly prefix: string;
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
  /**
   * Copies the JetStream data as a kill -9 at one moment would leave them: a running server is frozen meanwhile.
   *
   * @throws TestServerError in a container.
   */
  copyData(): Promise<NatsDataCopy>;
  /** Kills the server, puts an earlier copy in the place of its data, and starts it again. A copy can be used often. */
  restoreData(copy: NatsDataCopy): Promise<void>;
}

/** What a nats-server had stored at one moment. It is removed together with the server. */
export interface NatsDataCopy {
  readonly directory: string;
}

export interface RedisOptions {
  /** Additional command-line flags, e.g. `['--maxmemory', '1mb']`. They win over our own, e.g. `['--appendonly', 'no']`. */
  readonly flags?: readonly string[];
}

export interface RedisServer extends Server {
  /** `redis://host:port/0`. */
  readonly url: string;
  /**
   * Runs redis-cli against this server and returns its standard output. Independent of the code under test.
   * @param input standard input: the last argument, with `-x` among the arguments, or commands, a line each
   */
  redisCli(args: readonly string[], input?: string | Buffer): Promise<string>;
}

export interface RedisSentinelOptions {
  readonly master: RedisServer;
  /** What it calls the master. */
  readonly name: string;
}
