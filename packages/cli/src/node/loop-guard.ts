import {
  type Config,
  coordinationPrefixes,
  type Destination,
  type DestinationConfig,
  type Logger,
  prefixRange,
  regionsOverlap,
  routeRegions,
  type Source,
  sharesEndpoint,
} from '@tidemark/core';
import { type Elections, LoopGuard, OriginSource, type TrackedWriter } from '@tidemark/worker';

/** Where pipelines keep their checkpoints by default. */
const DEFAULT_PREFIX = '/__tidemark/';

interface LoopGuardParts {
  readonly config: Config;
  readonly destinationConfig: DestinationConfig;
  readonly destination: Destination;
  readonly source: Source;
  readonly coordinationId: Elections['clusterId'];
  readonly writer: TrackedWriter;
  readonly logger: Logger;
}

/** Null for a kind of destination that cannot be the source of a pipeline. */
export function openLoopGuard(parts: LoopGuardParts): LoopGuard | null {
  const { config, destinationConfig, destination, source, coordinationId, writer, logger } = parts;
  if (destinationConfig.kind !== 'etcd' || destination.origin === undefined) return null;
  const { name, coordination } = config;
  const { checkpointPrefix, routes } = destinationConfig;
  const prefixes = new Set([coordination.prefix, checkpointPrefix, DEFAULT_PREFIX]);
  const regions = routes.map((route) => routeRegions(route, checkpointPrefix));
  const ours = coordinationPrefixes(coordination.prefix, name);
  const held = { prefix: coordination.prefix, except: [] };
  const overElections = regions.some(({ writes }) => regionsOverlap(writes, held));
  return new LoopGuard({
    about: {
      pipeline: name,
      destination: destinationConfig.name,
      routes: regions,
      campaign: sharesEndpoint(coordination, config.source) ? ours.leader : null,
    },
    keeper: destination.origin,
    beside: (checkpoint, write) => writer.beside(checkpoint, write),
    elections: overElections
      ? { prefix: coordination.prefix, campaign: ours.pipeline, clusterId: coordinationId }
      : null,
    destination,
    source: new OriginSource(
      source,
      [...prefixes].map((prefix) => prefixRange(Buffer.from(prefix))),
    ),
    logger,
  });
}
