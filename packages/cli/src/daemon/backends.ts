import {
  type Config,
  type Destination,
  type DestinationConfig,
  type Journal,
  type KeyRange,
  type Logger,
  prefixRange,
  type Source,
} from '@tidemark/core';
import { EtcdClient, EtcdKv, EtcdSource } from '@tidemark/etcd';
import { NatsJournal, SharedTail } from '@tidemark/journal';
import { EtcdDestination, REDIS_CHECKPOINT_PREFIX, RedisDestination } from '@tidemark/worker';

/** The concrete classes behind the contracts are chosen here and nowhere else. */

export function openSource(config: Config): Source {
  return new EtcdSource(new EtcdClient(config.source));
}

/** A client of its own: what happens to other hops must not cost the lease. */
export function openCoordination(config: Config): EtcdClient {
  return new EtcdClient(config.coordination);
}

export function openJournal(config: Config, log: Logger): Journal {
  return new NatsJournal({ name: config.name, config: config.journal, node: config.node.id, log });
}

/** The destinations of a node read the journal together. */
export function shareReading(journal: Journal, log: Logger): Journal {
  return new SharedTail(journal, log);
}

export function openDestination(pipeline: string, config: DestinationConfig, logger: Logger): Destination {
  const owner = `${pipeline}/${config.name}`;
  if (config.kind === 'redis') return new RedisDestination({ ...config, owner, logger });
  const key = (name: string) => Buffer.from(`${config.checkpointPrefix}${owner}/${name}`);
  const keys = { checkpointKey: key('checkpoint'), originKey: key('origin') };
  return new EtcdDestination(new EtcdKv(new EtcdClient(config)), keys);
}

/** The destination's keys that are ours and no route's: where checkpoints live. */
export function reservedKeys(config: DestinationConfig): KeyRange {
  return prefixRange(Buffer.from(config.kind === 'redis' ? REDIS_CHECKPOINT_PREFIX : config.checkpointPrefix));
}
