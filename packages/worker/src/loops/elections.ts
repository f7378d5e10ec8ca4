import { type DestinationReader, type OriginKeeper, prefixRange, TidemarkError } from '@tidemark/core';

/** The destination is the cluster that holds the elections, and its routes write over them. */
export class OverElectionsError extends TidemarkError {
  readonly code = 'OVER_ELECTIONS';
  override readonly permanent = true;
}

/** The coordination etcd, as seen by a destination whose routes write over its keys. */
export interface Elections {
  /** `coordination.prefix` of the configuration. */
  readonly prefix: string;
  /** Prefix of the keys that this pipeline has there while it runs. */
  readonly campaign: string;
  readonly clusterId: (signal: AbortSignal) => Promise<string>;
}

interface Asked {
  readonly keeper: Pick<OriginKeeper, 'clusterId'>;
  readonly destination: Pick<DestinationReader, 'count'>;
}

/**
 * Endpoints distinguish clusters by name only: under another name, a resync would delete elections and holds for keys that
 * the source lacks. Equal ids prove nothing, as clusters that were started with a package's defaults share one; the keys of
 * this running pipeline do.
 * @throws OverElectionsError
 */
export async function refuseElections(elections: Elections, asked: Asked, signal: AbortSignal): Promise<void> {
  const { prefix, campaign, clusterId } = elections;
  if ((await clusterId(signal)) !== (await asked.keeper.clusterId(signal))) return;
  if (!(await mayHold(asked.destination, campaign, signal))) return;
  throw new OverElectionsError({
    message: `This destination is the cluster that coordinates, whatever its endpoints are called, and its routes write over coordination.prefix "${prefix}".`,
    remedy: 'Correct the endpoints, exclude that prefix, or give the route a rewrite.',
  });
}

/** Whether there are keys below a prefix. Without the right to look, there may be. */
export async function mayHold(
  destination: Pick<DestinationReader, 'count'>,
  prefix: string,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    return (await destination.count(prefixRange(Buffer.from(prefix)), signal)) > 0;
  } catch (error) {
    if (error instanceof TidemarkError && error.permanent) return true;
    throw error;
  }
}
