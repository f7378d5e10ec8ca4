import type { Config, Destination, DestinationConfig, Journal, Logger, Source } from '@tidemark/core';
import { EtcdClient, EtcdKv, EtcdSource } from '@tidemark/etcd';
import { NatsJournal } from '@tidemark/journal';
import { EtcdDestination } from '@tidemark/worker';
import { UnsupportedDestination } from './unsupported-destination.js';

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

export function openDestination(pipeline: string, config: DestinationConfig): Destination {
  if (config.kind === 'redis') return new UnsupportedDestination(config.kind);
  const checkpointKey = `${config.checkpointPrefix}${pipeline}/${config.name}/checkpoint`;
  return new EtcdDestination(new EtcdKv(new EtcdClient(config)), { checkpointKey: Buffer.from(checkpointKey) });
}
