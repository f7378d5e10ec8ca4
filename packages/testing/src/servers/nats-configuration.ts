export interface NatsListeners {
  /** `host:port` for clients. */
  readonly client: string;
  /** `host:port` for the monitoring endpoints. */
  readonly monitor: string;
  readonly storeDirectory: string;
}

/** A nats-server's configuration file: JetStream on, plus a test's own lines. */
export function natsConfiguration(listeners: NatsListeners, additional: readonly string[]): string {
  return [
    `listen: "${listeners.client}"`,
    `http: "${listeners.monitor}"`,
    `jetstream: { store_dir: ${JSON.stringify(listeners.storeDirectory)} }`,
    ...additional,
    '',
  ].join('\n');
}
