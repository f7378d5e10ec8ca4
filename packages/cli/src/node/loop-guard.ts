import {
  type Config,
  coordinationPrefixes,
  type Destination,
  type DestinationConfig,
  type Logger,
  prefixRange,
  routeRegions,
  type Source,
  sharesEndpoint,
} from '@tidemark/core';
import { LoopGuard, OriginSource } from '@tidemark/worker';

/** Where pipelines keep their checkpoints by default. */
const DEFAULT_PREFIX = '/__tidemark/';

interface LoopGuardParts {
  readonly config: Config;
  readonly destinationConfig: DestinationConfig;
  readonly destination: Destination;
  readonly source: Source;
  readonly logger: Logger;
}

/** Null for a kind of destination that cannot be the source of a pipeline. */
export function openLoopGuard(parts: LoopGuardParts): LoopGuard | null {
  const { config, destinationConfig, destination, source, logger } = parts;
  if (destinationConfig.kind !== 'etcd' || destination.origin === undefined) return null;
  const { name, coordination } = config;
  const { checkpointPrefix, routes } = destinationConfig;
  const prefixes = new Set([coordination.prefix, checkpointPrefix, DEFAULT_PREFIX]);
  return new LoopGuard({
    about: {
      pipeline: name,
      destination: destinationConfig.name,
      routes: routes.map((route) => routeRegions(route, checkpointPrefix)),
      campaign: sharesEndpoint(coordination, config.source)
        ? coordinationPrefixes(coordination.prefix, name).leader
        : null,
    },
    keeper: destination.origin,
    destination,
    source: new OriginSource(
      source,
      [...prefixes].map((prefix) => prefixRange(Buffer.from(prefix))),
    ),
    logger,
  });
}
