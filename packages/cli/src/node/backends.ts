import {
  type Config,
  type Destination,
  type DestinationConfig,
  type EtcdDestinationConfig,
  type Journal,
  type JournalReader,
  type JournalStore,
  type KeyRange,
  type Logger,
  prefixRange,
  ReservedKeys,
  type Source,
  type SourceReader,
} from '@tidemark/core';
import { EtcdDestination, REDIS_CHECKPOINT_PREFIX, RedisDestination } from '@tidemark/destinations';
import { EtcdClient, EtcdKv, EtcdSource } from '@tidemark/etcd';
import { NatsJournal, SharedTail } from '@tidemark/journal';
import { JournaledSource, TrackedWriter } from '@tidemark/worker';

/** The concrete classes of the contracts are chosen here and nowhere else. */

export function openSource(config: Config): Source {
  return new EtcdSource(new EtcdClient(config.source));
}

/** A client of its own: trouble with other hops must not cost the lease. */
export function openCoordination(config: Config): EtcdClient {
  return new EtcdClient(config.coordination);
}

/** What of the source is ours, and nobody's content; in one place for those who journal and those who compare. */
export function neverReplicated({ coordination }: Config): ReservedKeys {
  return new ReservedKeys([prefixRange(Buffer.from(coordination.prefix))]);
}

/** The source as destinations are compared with it. */
export function openComparedSource(
  config: Config,
  { source, journal }: { readonly source: Source; readonly journal: JournalStore },
): SourceReader {
  return new JournaledSource(source, journal, neverReplicated(config));
}

export async function clusterIdOf(client: EtcdClient, signal: AbortSignal): Promise<string> {
  return await new EtcdKv(client).clusterId(signal);
}

export function openJournal(config: Config, log: Logger): Journal {
  return new NatsJournal({ name: config.name, config: config.journal, node: config.node.id, log });
}

/** The destinations of a node read the journal together. */
export function shareReading(journal: JournalReader, log: Logger): JournalReader {
  return new SharedTail(journal, log);
}

/**
 * A destination is watched for writes that are not ours, and sends back all that is written to it. HTTP/2's default
 * window: fifty destinations with windows of 4 MiB held a good part of what was just written in memory once more.
 */
const DESTINATION_WATCH_WINDOW_BYTES = 64 * 1024;

export function openDestination(pipeline: string, config: DestinationConfig, logger: Logger): Destination {
  const path = `${pipeline}/${config.name}`;
  switch (config.kind) {
    case 'etcd':
      return openEtcd(path, config);
    case 'redis':
      return new RedisDestination({ ...config, path, logger });
    default:
      return config satisfies never;
  }
}

function openEtcd(path: string, config: EtcdDestinationConfig): Destination {
  const key = (name: string) => Buffer.from(`${config.checkpointPrefix}${path}/${name}`);
  const keys = { checkpointKey: key('checkpoint'), originKey: key('origin') };
  const client = new EtcdClient(config, { watchWindowBytes: DESTINATION_WATCH_WINDOW_BYTES });
  return new EtcdDestination(new EtcdKv(client), keys);
}

/** The writer of one ownership. */
export function openWriter(destination: Destination, logger: Logger): TrackedWriter {
  return new TrackedWriter(destination, logger);
}

/** The destination's keys that belong to Tidemark and to no route: where checkpoints live. */
export function reservedKeys(config: DestinationConfig): KeyRange {
  return prefixRange(Buffer.from(checkpointPrefix(config)));
}

function checkpointPrefix(config: DestinationConfig): string {
  switch (config.kind) {
    case 'etcd':
      return config.checkpointPrefix;
    case 'redis':
      return REDIS_CHECKPOINT_PREFIX;
    default:
      return config satisfies never;
  }
}
